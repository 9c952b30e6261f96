//! Settings with fixed words: one spelling on the command line, in plans, in manifests and in Python.

use std::fmt::Display;

use leanset_problem::{Problem, list};
use strum::{EnumMessage, VariantArray};

/// A setting whose value is one of a few words. Its documentation is the help of each.
pub trait Word: VariantArray + EnumMessage + Display + Copy + std::str::FromStr<Err = Problem> {}

impl<T: VariantArray + EnumMessage + Display + Copy + std::str::FromStr<Err = Problem>> Word for T {}

/// The words of a setting, as a list: `refuse, mean and drop`.
pub fn listed<T: Word>() -> String {
    list(T::VARIANTS, usize::MAX)
}

/// What is said of a word that is none.
pub(crate) fn unknown<T: Word>(what: &str, given: &str) -> Problem {
    Problem::new(format!("{what}: '{given}' is not known")).hint(format!("it is one of {}", listed::<T>()))
}

/// Declares a setting with fixed words, lower-case in every spelling. A word that is none is refused with those that are.
macro_rules! word_enum {
    ($what:literal $(#[$meta:meta])* pub enum $name:ident { $($variants:tt)* }) => {
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            Hash,
            serde::Serialize,
            serde::Deserialize,
            strum::Display,
            strum::EnumString,
            strum::VariantArray,
            strum::EnumMessage,
        )]
        #[serde(rename_all = "lowercase")]
        #[strum(serialize_all = "lowercase", parse_err_ty = leanset_problem::Problem, parse_err_fn = $name::unknown)]
        $(#[$meta])*
        pub enum $name { $($variants)* }

        impl $name {
            fn unknown(given: &str) -> leanset_problem::Problem {
                $crate::word::unknown::<Self>($what, given)
            }
        }
    };
}
pub(crate) use word_enum;

/// What a field of a text type is in a document: its words.
pub(crate) mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "clap")]
pub(crate) mod parser {
    //! Words as the command line takes them.

    use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

    use super::Word;

    /// One of the words of `T`, each with its help, as an argument of the command line.
    pub fn words<T: Word + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
        let values = T::VARIANTS.iter().map(|word| {
            let help = word.get_documentation().unwrap_or_default().trim_end_matches('.').to_owned();
            PossibleValue::new(word.to_string()).help(help)
        });
        PossibleValuesParser::new(values).try_map(|word| word.parse::<T>().map_err(|problem| problem.to_string()))
    }
}
