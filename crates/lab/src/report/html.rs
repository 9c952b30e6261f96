//! Text in HTML.

use leanset_problem::visible;

/// Text in HTML, in elements and in attributes. Control characters are shown as escapes, except at the ends of lines.
pub(super) fn escape(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    html_escape::encode_quoted_attribute(&lines.join("\n")).into_owned()
}

/// The policy of a page that runs this script and loads nothing: should a string ever get by [`escape`], it is not run.
pub(super) fn policy(script: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; img-src data:; base-uri 'none'")
}
