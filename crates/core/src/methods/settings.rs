//! How a method declares its parameters: once, for strings (command line, plans, Python) and for Rust alike.
//!
//! [`parameters!`] makes the list of [`Spec`](crate::params::Spec)s and a builder with a setter for each. Both ways lead
//! through [`Params::check`](crate::params::Params::check), so a constraint stands in one place. [`words!`] makes an enum
//! of the words that a parameter may be.

/// Declares the parameters of a method: `PARAMS`, and a builder that becomes a [`Reducer`](crate::Reducer).
///
/// The doc comment of a parameter is its line of help; `INFO` is the entry of the module in which this stands.
macro_rules! parameters {
    (
        $(#[$doc:meta])*
        pub struct $builder:ident;
        $($param:ident: $type:ty = { kind: $kind:expr, default: $default:tt, doc: $text:literal $(,)? })*
    ) => {
        const PARAMS: &[$crate::params::Spec] = &[$($crate::params::Spec {
            name: stringify!($param),
            kind: $kind,
            default: $default,
            doc: $text,
        }),*];

        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $builder {
            given: Vec<(String, $crate::params::Value)>,
        }

        impl $builder {
            $(
                #[doc = $text]
                #[doc = $crate::methods::settings::default_of!($default)]
                #[must_use]
                pub fn $param(mut self, value: $type) -> Self {
                    self.given.push((stringify!($param).to_owned(), value.into()));
                    self
                }
            )*

            /// The method with these parameters, and the others at their defaults.
            ///
            /// # Errors
            /// [`Error::BadParameter`](crate::Error::BadParameter) for a value outside its constraint.
            pub fn reducer(self) -> $crate::Result<$crate::Reducer> {
                $crate::Reducer::of(&INFO, &self.given)
            }
        }

        impl TryFrom<$builder> for $crate::Reducer {
            type Error = $crate::Error;

            fn try_from(settings: $builder) -> $crate::Result<Self> {
                settings.reducer()
            }
        }
    };
}

/// The sentence on the default of a parameter.
macro_rules! default_of {
    ("") => {
        "\n\nNot given by default."
    };
    ($default:tt) => {
        concat!("\n\nThe default is `", $default, "`.")
    };
}

/// Declares the words that a parameter may be, as an enum.
macro_rules! words {
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            /// The words, in order.
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            /// What a checked parameter is.
            pub(crate) fn of(params: &$crate::params::Params, name: &str) -> Self {
                match params.text(name) {
                    $($word => Self::$variant,)+
                    other => unreachable!("'{other}' was checked to be one of {:?}", Self::WORDS),
                }
            }
        }

        impl From<$name> for $crate::params::Value {
            fn from(value: $name) -> Self {
                Self::Text(match value { $($name::$variant => $word),+ }.to_owned())
            }
        }
    };
}

pub(crate) use {default_of, parameters, words};
