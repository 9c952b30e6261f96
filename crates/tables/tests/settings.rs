//! Settings: one spelling for the command line, plans and manifests, and a line of help for every value.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use leanset_tables::{Delimiter, EncodeOptions, Format, Missing, ReadOptions, Scale};
use serde::Serialize;
use serde::de::DeserializeOwned;
use strum::{EnumMessage, VariantArray};

/// Checks that every value has the word `expected` in all spellings, and a line of help.
fn spelled<T>(expected: &[&str])
where
    T: VariantArray + EnumMessage + Display + FromStr + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let words: Vec<String> = T::VARIANTS.iter().map(ToString::to_string).collect();
    assert_eq!(words, expected);
    for value in T::VARIANTS {
        assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(value));
        assert_eq!(serde_json::to_value(value).unwrap(), value.to_string());
        assert_eq!(serde_json::from_value::<T>(value.to_string().into()).unwrap(), *value);
        let help = value.get_documentation().unwrap();
        assert!(!help.is_empty() && !help.contains('\n') && help.ends_with('.'), "{value}: {help}");
    }
}

#[test]
fn settings_have_one_spelling() {
    spelled::<Scale>(&["minmax", "standard", "none"]);
    spelled::<Missing>(&["refuse", "mean", "drop"]);
    spelled::<Format>(&["csv", "tsv", "parquet", "arrow", "npy", "npz", "xlsx"]);
}

#[test]
fn settings_name_what_they_know() {
    let message = |error: leanset_tables::Error| error.to_string();
    assert_eq!(message("log".parse::<Scale>().unwrap_err()), "unknown scale 'log'; known: minmax, standard, none");
    assert_eq!(
        message("fill".parse::<Missing>().unwrap_err()),
        "unknown rule for missing values 'fill'; known: refuse, mean, drop"
    );
    assert_eq!("CSV".parse::<Format>().unwrap(), Format::Csv);
}

#[test]
fn delimiter_is_one_character() {
    assert_eq!(r"\t".parse::<Delimiter>().unwrap(), Delimiter::TAB);
    assert_eq!("\t".parse::<Delimiter>().unwrap(), Delimiter::TAB);
    assert_eq!(";".parse::<Delimiter>().unwrap().to_string(), ";");
    for wrong in ["", ";;", "é", "\"", "\n"] {
        assert!(wrong.parse::<Delimiter>().is_err(), "{wrong:?}");
    }
}

#[test]
fn options_go_through_json() {
    let encode = EncodeOptions { label: Some("y".into()), scale: Scale::None, bins: Some(3), ..Default::default() };
    let text = serde_json::to_string(&encode).unwrap();
    assert_eq!(serde_json::from_str::<EncodeOptions>(&text).unwrap(), encode);
    assert_eq!(serde_json::from_str::<EncodeOptions>("{}").unwrap(), EncodeOptions::default());
    let read = ReadOptions { delimiter: Some(Delimiter::TAB), format: Some(Format::ArrowIpc), sheet: None };
    let text = serde_json::to_string(&read).unwrap();
    assert_eq!(text, r#"{"format":"arrow","sheet":null,"delimiter":"\t"}"#);
    assert_eq!(serde_json::from_str::<ReadOptions>(&text).unwrap(), read);
}
