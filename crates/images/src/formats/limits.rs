//! What descriptions of datasets may not do: a few kilobytes of YAML or XML can stand for gigabytes, or for hours. Both are
//! looked through once, without recursion, before they are parsed.

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;

/// Bytes of a YAML file at most: 100,000 class names take a tenth of it.
pub(super) const MOST_YAML: usize = 16 << 20;
/// Bytes that the aliases of a YAML file may stand for together.
const MOST_OF_ALIASES: usize = 16 << 20;
/// Levels of lists and maps in each other.
const MOST_LEVELS: usize = 64;
/// Attributes of an XML element: parsers compare each with all others.
const MOST_ATTRIBUTES: usize = 256;
/// What a YAML value takes beside its text.
const VALUE: usize = 64;

/// Refuses YAML that is nested too deeply, or whose aliases stand for too much.
///
/// # Errors
/// What is wrong, to be said behind the name of the file. Invalid YAML is not refused here.
pub(super) fn check_yaml(text: &str) -> Result<(), String> {
    // Parsers are other people's; of what one fails on, the other says so.
    std::panic::catch_unwind(|| grows(text)).unwrap_or(Ok(()))
}

fn grows(text: &str) -> Result<(), String> {
    if text.len() > MOST_YAML {
        return Err(format!("has {} bytes; a description of a dataset has at most {MOST_YAML}", text.len()));
    }
    let mut parser = Parser::new_from_str(text);
    // The values that are open, each with its anchor and its size so far; the sizes of anchored values; that of all aliases.
    let (mut open, mut anchors, mut aliases): (Vec<(usize, usize)>, Vec<usize>, usize) = (Vec::new(), Vec::new(), 0);
    while let Ok((event, at)) = parser.next_token() {
        let (anchor, size) = match event {
            Event::StreamEnd => break,
            Event::SequenceStart(anchor, ..) | Event::MappingStart(anchor, ..) => {
                open.push((anchor, VALUE));
                if open.len() > MOST_LEVELS {
                    return Err(format!("line {}: lists and maps are nested more than {MOST_LEVELS} deep", at.line()));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap_or_default(),
            Event::Scalar(text, _, anchor, _) => (anchor, VALUE + text.len()),
            Event::Alias(anchor) => {
                let size = anchors.get(anchor).copied().unwrap_or(VALUE);
                aliases = aliases.saturating_add(size);
                if aliases > MOST_OF_ALIASES {
                    return Err(format!("line {}: aliases stand for more than {MOST_OF_ALIASES} bytes", at.line()));
                }
                (0, size)
            }
            _ => continue,
        };
        if anchor > 0 {
            // Anchors are numbered in the order of the text, from 1.
            anchors.resize(anchors.len().max(anchor + 1), VALUE);
            anchors[anchor] = size;
        }
        if let Some((_, around)) = open.last_mut() {
            *around = around.saturating_add(size);
        }
    }
    Ok(())
}

/// Refuses XML with an element of very many attributes.
///
/// # Errors
/// What is wrong, to be said behind the name of the file. Invalid XML is not refused here.
pub(super) fn check_xml(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin..];
        let hidden = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        if let Some((_, end)) = hidden.iter().find(|(begin, _)| rest.starts_with(begin)) {
            rest = rest.split_once(end).map_or("", |(_, rest)| rest);
            continue;
        }
        let (mut quote, mut attributes, mut end) = (None, 0usize, rest.len());
        for (at, c) in rest.bytes().enumerate().skip(1) {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                (b'"' | b'\'', None) => quote = Some(c),
                (b'=', None) => attributes += 1,
                (b'>' | b'<', None) => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        if attributes > MOST_ATTRIBUTES {
            return Err(format!("has an element of {attributes} attributes, more than {MOST_ATTRIBUTES}"));
        }
        rest = &rest[end..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_yaml_refuses_what_grows() {
        let doubled: String = (1..40).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)).collect();
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(20));
        let list = format!("x: {}{}", "[".repeat(100), "]".repeat(100));
        for (text, told) in [
            (format!("a0: &a0 x\n{doubled}"), "aliases stand for"),
            (long, "aliases stand for"),
            (list, "nested"),
            ("#".repeat(MOST_YAML + 1), "bytes"),
        ] {
            let error = check_yaml(&text).expect_err("refused");
            assert!(error.contains(told), "{error}");
        }
        for text in [
            "names: &n [a, b]\ntrain: images\nother: *n\n",
            "base: &b {x: 1}\nmore:\n  <<: *b\n",
            "not: [valid",
            "*nothing",
            "",
        ] {
            assert_eq!(check_yaml(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn check_xml_refuses_many_attributes() {
        let attributes = |n: usize| (0..n).map(|i| format!(" a{i}='>{i}='")).collect::<String>();
        assert!(check_xml(&format!("<a><b{}/></a>", attributes(300))).is_err());
        assert!(check_xml(&format!("<!-- <b{} --><a", attributes(300))).is_ok());
        for text in
            ["<a x=\"1\"><b y='=='/></a>", "<a", "<!--", "<![CDATA[ <x", "<a b='", "=====", &"<a b='1'/>".repeat(500)]
        {
            assert_eq!(check_xml(text), Ok(()), "{text}");
        }
    }
}
