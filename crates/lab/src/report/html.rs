//! Text in HTML.

/// Text in HTML, in elements and in attributes.
pub(super) fn escape(text: &str) -> String {
    html_escape::encode_quoted_attribute(text).into_owned()
}
