//! Numbers as people read them, in reports and in answers.

/// A number with three significant digits.
pub fn number(value: f64) -> String {
    match value {
        v if v.is_infinite() => "∞".into(),
        0.0 => "0".into(),
        v if v.abs() >= 1000.0 => format!("{}{}", if v < 0.0 { "−" } else { "" }, whole(v.abs().round() as usize)),
        v => {
            let decimals = (2.0 - v.abs().log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{v:.decimals$}").replace('-', "−")
        }
    }
}

/// A count with its thousands separated.
pub fn whole(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(c);
    }
    text
}

/// A fraction in percent.
pub fn share(ratio: f64) -> String {
    format!("{} %", (ratio * 1e8).round() / 1e6)
}

/// A score or another fraction, with three decimals.
pub fn three(value: f64) -> String {
    if value.is_nan() { "–".into() } else { format!("{value:.3}") }
}

/// A difference of scores with its sign, in points (hundredths).
pub fn points(value: f64) -> String {
    let text = format!("{:+.1}", 100.0 * value);
    if text == "+0.0" || text == "-0.0" { "0.0".into() } else { text.replace('-', "−") }
}

/// A loss, in points without a sign where it is one.
pub fn lost(value: f64) -> String {
    points(value).trim_start_matches('+').to_owned()
}

/// A p-value.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

/// The word for one thing, or for another number of them.
pub fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// A number of things: `1 image`, `1 140 runs`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", whole(count), plural(count, one, many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_has_the_singular_for_one() {
        assert_eq!(counted(1, "image", "images"), "1 image");
        assert_eq!(counted(0, "image", "images"), "0 images");
        assert_eq!(counted(1140, "run", "runs"), "1\u{202f}140 runs");
    }

    #[test]
    fn points_are_hundredths_with_a_sign() {
        assert_eq!((points(-0.0123), points(0.02), points(0.0001)), ("−1.2".into(), "+2.0".into(), "0.0".into()));
    }
}
