//! Text for people in which settings are named and not yet spelled.

use std::borrow::Cow;
use std::fmt;

use crate::face::Face;
use crate::setting::{Assignment, Setting};
use crate::visible::visible;

/// A command that a text sends the user to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// On the command line, and beside a plan.
    pub command_line: &'static str,
    /// In Python.
    pub python: &'static str,
}

impl Command {
    /// Lists the methods.
    pub const METHODS: Self = Self { command_line: "leanset methods", python: "leanset.methods()" };
    /// Ranks all rows.
    pub const RANK: Self = Self { command_line: "leanset rank", python: "leanset.rank" };
    /// Reduces a table.
    pub const REDUCE: Self = Self { command_line: "leanset reduce", python: "leanset.reduce" };
    /// Says what is wrong with an image dataset.
    pub const IMAGES_CHECK: Self = Self { command_line: "leanset images check", python: "leanset images check" };

    fn render(self, face: Face) -> &'static str {
        match face {
            Face::CommandLine | Face::Plan => self.command_line,
            Face::Python => self.python,
        }
    }
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Said as it stands.
    Plain(Cow<'static, str>),
    /// A setting, with a value or without.
    Setting(Assignment),
    /// A command.
    Command(Command),
}

impl From<&'static str> for Part {
    fn from(text: &'static str) -> Self {
        Self::Plain(text.into())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Plain(text.into())
    }
}

impl From<&'static Setting> for Part {
    fn from(setting: &'static Setting) -> Self {
        Self::Setting(Assignment { setting, value: None })
    }
}

impl From<Assignment> for Part {
    fn from(assignment: Assignment) -> Self {
        Self::Setting(assignment)
    }
}

impl From<Command> for Part {
    fn from(command: Command) -> Self {
        Self::Command(command)
    }
}

/// A line for people. Made by [`text!`](crate::text!) or from a string.
///
/// `Display` spells settings as `name` or `name=value`, for those who have no face of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<Part>);

impl Text {
    /// Of these pieces.
    pub fn of(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// With one more piece.
    #[must_use]
    pub fn text(mut self, part: impl Into<Part>) -> Self {
        self.0.push(part.into());
        self
    }

    /// With another text behind it.
    #[must_use]
    pub fn append(mut self, text: Self) -> Self {
        self.0.extend(text.0);
        self
    }

    /// Without line breaks: what other crates say, and names of files and columns, may have some.
    #[must_use]
    pub fn one_line(mut self) -> Self {
        for part in &mut self.0 {
            match part {
                Part::Plain(text) if text.contains(['\n', '\r']) => *text = joined(text).into(),
                Part::Setting(Assignment { value: Some(value), .. }) if value.contains(['\n', '\r']) => {
                    *value = joined(value);
                }
                _ => {}
            }
        }
        self
    }

    /// As this face spells it: one line, without a character that a terminal would obey ([`visible`]).
    pub fn render(&self, face: Face) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Plain(text) => visible(text),
                Part::Setting(assignment) => visible(&assignment.render(face)).into_owned().into(),
                Part::Command(command) => format!("`{}`", command.render(face)).into(),
            })
            .collect()
    }

    /// The settings that it names.
    pub fn settings(&self) -> impl Iterator<Item = &'static Setting> {
        self.0.iter().filter_map(|part| match part {
            Part::Setting(assignment) => Some(assignment.setting),
            _ => None,
        })
    }
}

/// The lines of a text as one.
fn joined(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Plain(text) => f.write_str(&visible(text)),
            Part::Setting(assignment) => f.write_str(&visible(&assignment.to_string())),
            Part::Command(command) => write!(f, "`{}`", command.command_line),
        })
    }
}

impl<T: Into<Part>> From<T> for Text {
    fn from(part: T) -> Self {
        Self(vec![part.into()])
    }
}

/// A [`Text`] of pieces: strings, settings, settings with values, commands.
///
/// ```
/// use leanset_problem::{Command, Face, setting, text};
/// let text = text!["give ", &setting::LABEL, format!(", or see "), Command::METHODS];
/// assert_eq!(text.render(Face::CommandLine), "give --label, or see `leanset methods`");
/// ```
#[macro_export]
macro_rules! text {
    ($($part:expr),+ $(,)?) => {
        $crate::Text::of(vec![$($crate::Part::from($part)),+])
    };
}
