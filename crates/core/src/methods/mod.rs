//! The methods: the one list of them, what each says of itself ([`Info`]), what each implements ([`Method`]), and
//! [`Reducer`], a method with checked parameters.
//!
//! Adding a method is one file (or folder) here and one line in the list below; the command line, the documentation and
//! the conformance tests iterate the list.
//!
//! A method is configured by name, with parameters as text or as values, or by its builder:
//!
//! ```
//! use leanset_core::{Reducer, methods::maxmin::{Maxmin, Start}};
//! let by_name = Reducer::new("maxmin", &[("start".into(), "first".into())])?;
//! let typed = Maxmin::default().start(Start::First).reducer()?;
//! assert_eq!(by_name.params(), typed.params());
//! # Ok::<(), leanset_core::Error>(())
//! ```

mod capabilities;
mod greedy_mean;
mod guarded;
mod info;
mod method;
mod reducer;
mod reference;
mod scored_by_dynamics;
mod scores;
mod settings;
mod width;

pub use capabilities::{Capabilities, Support};
pub use info::{Family, Info};
pub use method::{Inputs, Method, Run};
pub use reducer::{Reducer, find};
pub use scored_by_dynamics::Keep;

/// Declares each method's module and puts its `INFO` into the list.
macro_rules! methods {
    ($($(#[$doc:meta])* $module:ident),+ $(,)?) => {
        $($(#[$doc])* pub mod $module;)+

        /// Every registered method.
        pub static METHODS: &[&Info] = &[$(&$module::INFO),+];
    };
}

methods! {
    stratified_random,
    proto_dash,
    maxmin,
    distance_entropy,
    clustering_centroids,
    representative_kmeans,
    matrix_decomposition,
    energy,
    moderate_coreset,
    herding,
    facility_location,
    boundary,
    contradiction,
    ph_landmarks,
    forgetting_events,
    el2n,
    aum,
    grand,
    dual,
    ccs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Value;
    use std::collections::HashSet;

    #[test]
    fn methods_are_documented_and_named_once() {
        let mut names = HashSet::new();
        for info in METHODS {
            for name in std::iter::once(&info.id).chain(info.aliases) {
                assert!(names.insert(name.to_lowercase()), "{name} names two methods");
                assert!(std::ptr::eq(find(name).expect("resolves"), *info));
            }
            for text in [info.title, info.summary, info.cost, info.memory, info.guarantee, info.reference] {
                assert!(text.len() > 3, "{} lacks documentation", info.id);
            }
            let short = info.aliases.first().unwrap_or_else(|| panic!("{} has no alias", info.id));
            assert!(short.chars().all(char::is_alphanumeric), "{short}: the first alias is a name in Python too");
            assert!(info.summary.ends_with('.'), "{}: the summary is a sentence", info.id);
            for spec in info.params {
                assert!(spec.doc.ends_with('.'), "{} {}: the documentation is a sentence", info.id, spec.name);
                assert!(
                    !["fit", "predict", "score", "transform"].contains(&spec.name),
                    "{}: estimators have it",
                    spec.name
                );
            }
            Reducer::new(info.id, &[]).expect("the defaults are valid");
            for variant in info.variants {
                let given: Vec<_> = variant.iter().map(|(n, v)| ((*n).to_owned(), Value::Text((*v).into()))).collect();
                Reducer::new(info.id, &given).expect("the variants are valid");
            }
        }
    }
}
