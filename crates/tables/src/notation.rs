//! Numbers and dates as people write them: `1.234,56`, `−3`, `12 %`, `€ 1’200`, `(45)`, `2024-03-29`.
//!
//! One cell does not tell its notation: `1,234` is 1234 to some and 1.234 to others. Its column mostly does, because all of
//! its cells are written alike. So a cell is read into every notation that it can be of ([`number`]), a column is of those
//! that all of its cells can be of ([`Tally`]), and it is used if these agree on every value. Nothing is guessed from the
//! language of the machine.
//!
//! What is read: signs (also U+2212 and fullwidth), parentheses for negative amounts, digits of other scripts, a decimal
//! point or comma, groups of three digits (and Indian ones) between commas, points, spaces, apostrophes or underscores,
//! exponents, and one percent sign, currency or unit that all cells share. A number with a percent sign is the number that
//! is written: 5 % is 5.

use std::borrow::Cow;

use leanset_spec::DecimalMark;

/// What separates groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Comma,
    Point,
    Space,
    Apostrophe,
    Underscore,
}

/// A decimal mark and what separates groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) decimal: DecimalMark,
    pub(crate) group: Option<Group>,
}

use DecimalMark::{Comma, Point};

/// The styles that are known; a set of them is a mask of bits. The first is that of programs.
const STYLES: [Style; 9] = [
    Style { decimal: Point, group: None },
    Style { decimal: Comma, group: None },
    Style { decimal: Point, group: Some(Group::Comma) },
    Style { decimal: Comma, group: Some(Group::Point) },
    Style { decimal: Point, group: Some(Group::Space) },
    Style { decimal: Comma, group: Some(Group::Space) },
    Style { decimal: Point, group: Some(Group::Apostrophe) },
    Style { decimal: Comma, group: Some(Group::Apostrophe) },
    Style { decimal: Point, group: Some(Group::Underscore) },
];
const PLAIN: u16 = 1;
const ALL: u16 = (1 << STYLES.len()) - 1;

/// What stands beside a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Nothing,
    Percent,
    Currency,
    Unit,
}

/// A cell that is a number in some notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    negative: bool,
    /// ASCII digits and separators: `,`, `.`, a space, `'` or `_`.
    body: Cow<'a, str>,
    exponent: i32,
    pub(crate) role: Role,
    /// The percent sign, currency or unit.
    pub(crate) beside: &'a str,
    /// The styles that it can be of.
    styles: u16,
}

/// Without spaces of any kind and invisible marks around.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Characters that take no place.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// The value of a decimal digit of a script that numbers are typed in.
fn digit(c: char) -> Option<u8> {
    const ZEROS: [char; 9] =
        ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{e50}', '\u{ed0}', '\u{ff10}'];
    if c.is_ascii_digit() {
        return Some(c as u8 - b'0');
    }
    let offset = |zero: char| (c as u32).checked_sub(zero as u32).filter(|&of| of < 10);
    ZEROS.into_iter().find_map(offset).and_then(|of| u8::try_from(of).ok())
}

fn sign(c: char) -> Option<bool> {
    match c {
        '+' | '\u{ff0b}' => Some(false),
        '-' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => Some(true),
        _ => None,
    }
}

/// What a separator is written as in [`Number::body`].
fn separator(c: char) -> Option<char> {
    match c {
        ',' | '\u{66c}' | '\u{ff0c}' => Some(','),
        '.' | '\u{66b}' | '\u{ff0e}' => Some('.'),
        '\'' | '\u{2019}' | '\u{2018}' | '\u{2bc}' => Some('\''),
        '_' => Some('_'),
        c if c.is_whitespace() => Some(' '),
        _ => None,
    }
}

/// ISO 4217 codes, and what is used as such.
const CODES: &str = "AED ARS AUD BDT BGN BRL BTC CAD CHF CLP CNH CNY COP CZK DKK EGP ETH EUR GBP GHS HKD HRK HUF IDR ILS INR ISK \
    JPY KES KRW KWD LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD USDT UYU VND \
    ZAR";

fn is_currency(text: &str) -> bool {
    const WORDS: [&str; 26] = [
        "R$", "US$", "A$", "AU$", "C$", "CA$", "NZ$", "HK$", "S$", "NT$", "MX$", "Rs", "Rs.", "kr", "kr.", "zł", "Kč",
        "Ft", "Fr.", "SFr.", "лв", "руб.", "₽", "Rp", "RM", "lei",
    ];
    let symbol = |c: char| {
        matches!(
            c,
            '$' | '¢' | '£' | '¤' | '¥' | '֏' | '؋' | '฿' | '៛' | '\u{20a0}'
                ..='\u{20cf}' | '﷼' | '＄' | '￠' | '￡' | '￥' | '￦'
        )
    };
    let mut chars = text.chars();
    let single = chars.next().is_some_and(symbol) && chars.next().is_none();
    single || WORDS.contains(&text) || (text.len() >= 3 && CODES.split_whitespace().any(|code| code == text))
}

fn role_of_suffix(text: &str) -> Option<Role> {
    let unit =
        |c: char| c.is_alphabetic() || matches!(c, '°' | '²' | '³' | '/' | '·' | '"' | '′' | '″' | '\'' | '.' | '^');
    match text {
        "" => Some(Role::Nothing),
        "%" | "٪" | "﹪" | "％" | "‰" | "‱" => Some(Role::Percent),
        currency if is_currency(currency) => Some(Role::Currency),
        _ if text.chars().count() <= 12 && text.chars().all(unit) && text.chars().any(char::is_alphanumeric) => {
            Some(Role::Unit)
        }
        "°" | "\"" | "′" | "″" => Some(Role::Unit),
        _ => None,
    }
}

/// The number that a cell is, if it is one in some notation.
pub(crate) fn number(text: &str) -> Option<Number<'_>> {
    let mut rest = trimmed(text);
    if rest.len() > 200 || !rest.chars().any(|c| digit(c).is_some()) {
        return None;
    }
    let mut negative = None;
    // An amount in parentheses is negative; a currency may stand before them.
    let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(inside) = inside {
        (negative, rest) = (Some(true), inside.trim());
    }
    let mut before = "";
    loop {
        let first = rest.chars().next()?;
        if let Some(minus) = sign(first) {
            if negative.replace(minus).is_some() {
                return None;
            }
            rest = rest[first.len_utf8()..].trim_start();
            continue;
        }
        let end = rest.find(|c| digit(c).is_some() || sign(c).is_some() || c == '(')?;
        let run = rest[..end].trim_end();
        if run.is_empty() || !before.is_empty() {
            break;
        }
        // `.5`, and `$.50`, where the mark belongs to the number.
        let word = if is_currency(run) { run } else { run.trim_end_matches(['.', ',']).trim_end() };
        if word.is_empty() {
            break;
        }
        if !is_currency(word) {
            return None;
        }
        before = word;
        rest = rest[word.len()..].trim_start();
        if let Some(inside) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            if negative.replace(true).is_some() {
                return None;
            }
            rest = inside.trim();
        }
    }
    let last = rest.char_indices().rev().find(|&(_, c)| digit(c).is_some()).map(|(at, c)| at + c.len_utf8())?;
    let (mut number, mut after) = rest.split_at(last);
    // `5.` is a number with a point, and `5.%` is so too.
    if after.starts_with('.') && role_of_suffix(after[1..].trim()).is_some_and(|role| role != Role::Unit) {
        (number, after) = rest.split_at(last + 1);
    }
    let after = after.trim();
    let mut role = role_of_suffix(after)?;
    if !before.is_empty() {
        if role == Role::Percent || (role == Role::Currency && after.len() < 3) {
            return None;
        }
        role = if role == Role::Unit { Role::Unit } else { Role::Currency };
    }
    let beside = if before.is_empty() { after } else { before };
    let (mantissa, exponent) = split_exponent(number)?;
    let ascii = mantissa.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.' | b' ' | b'\'' | b'_'));
    let body: Cow<'_, str> = if ascii {
        Cow::Borrowed(mantissa)
    } else {
        let plain = |c| digit(c).map(|d| char::from(b'0' + d)).or_else(|| separator(c));
        Cow::Owned(mantissa.chars().map(plain).collect::<Option<String>>()?)
    };
    let mut styles = styles_of(&body);
    if exponent.is_some() {
        styles &= 0b11; // Nobody groups the digits of such a number.
    }
    (styles != 0).then_some(Number {
        negative: negative == Some(true),
        body,
        exponent: exponent.unwrap_or(0),
        role,
        beside,
        styles,
    })
}

/// A number and its power of ten: `1e5`, `1.5D+03`, `1.5×10^3`.
fn split_exponent(text: &str) -> Option<(&str, Option<i32>)> {
    let power = |text: &str| -> Option<i32> {
        let text = text.trim_start_matches('^');
        let (minus, digits) = match text.chars().next() {
            Some(c) if sign(c).is_some() => (sign(c) == Some(true), &text[c.len_utf8()..]),
            _ => (false, text),
        };
        let value: i32 =
            (digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())??;
        Some(if minus { -value } else { value })
    };
    if let Some(at) = text.find("10^") {
        let before = text[..at].trim_end();
        let mantissa = before.strip_suffix(['×', 'x', '*', '·'])?.trim_end();
        return Some((mantissa, Some(power(&text[at + 3..])?)));
    }
    match text.rfind(['e', 'E', 'd', 'D']) {
        None => Some((text, None)),
        Some(at) => {
            let after = &text[at + 1..];
            // A `D` is of Fortran, which writes a sign; without one it is part of a code, such as 3D4.
            let fortran = matches!(text.as_bytes()[at], b'd' | b'D');
            if fortran && !after.starts_with(['+', '-']) {
                return None;
            }
            Some((&text[..at], Some(power(after)?)))
        }
    }
}

/// The styles that digits and separators can be of.
fn styles_of(body: &str) -> u16 {
    let bytes = body.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        return if bytes.is_empty() { 0 } else { ALL };
    }
    let bit = |(index, style): (usize, &Style)| u16::from(fits(bytes, *style)) << index;
    STYLES.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}

fn mark(decimal: DecimalMark) -> u8 {
    if decimal == Comma { b',' } else { b'.' }
}

fn byte(group: Group) -> u8 {
    match group {
        Group::Comma => b',',
        Group::Point => b'.',
        Group::Space => b' ',
        Group::Apostrophe => b'\'',
        Group::Underscore => b'_',
    }
}

fn fits(body: &[u8], style: Style) -> bool {
    let decimal = mark(style.decimal);
    let (whole, fraction) = match body.iter().position(|&b| b == decimal) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    if let Some(fraction) = fraction {
        let empty = fraction.is_empty() && (style.decimal == Comma || whole.is_empty());
        if empty || !fraction.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    let Some(group) = style.group.map(byte).filter(|group| whole.contains(group)) else {
        return whole.iter().all(u8::is_ascii_digit);
    };
    let mut groups: Vec<&[u8]> = whole.split(|&b| b == group).collect();
    if !groups.iter().all(|group| group.iter().all(u8::is_ascii_digit)) || whole.first() == Some(&b'0') {
        return false;
    }
    let (first, last) = (groups.remove(0).len(), groups.pop().map_or(0, <[u8]>::len));
    let threes = (1..=3).contains(&first) && groups.iter().all(|group| group.len() == 3);
    // Lakhs and crores.
    let indian =
        group == b',' && (1..=2).contains(&first) && !groups.is_empty() && groups.iter().all(|group| group.len() == 2);
    last == 3 && (threes || indian)
}

impl Number<'_> {
    /// The value in a style that it can be of.
    pub(crate) fn value(&self, style: Style) -> f64 {
        let (decimal, group) = (char::from(mark(style.decimal)), style.group.map(|group| char::from(byte(group))));
        let mut text = String::with_capacity(self.body.len() + 8);
        if self.negative {
            text.push('-');
        }
        let digits = self.body.chars().filter(|&c| Some(c) != group);
        text.extend(digits.map(|c| if c == decimal { '.' } else { c }));
        if self.exponent != 0 {
            text.push_str(&format!("e{}", self.exponent));
        }
        fast_float2::parse(text).unwrap_or(f64::NAN)
    }

    /// Whether it has a decimal comma for sure.
    pub(crate) fn is_decimal_comma(&self) -> bool {
        STYLES.iter().enumerate().all(|(index, style)| style.decimal == Comma || self.styles & 1 << index == 0)
    }

    fn can_be(&self, style: Style) -> bool {
        STYLES.iter().position(|known| *known == style).is_some_and(|index| self.styles & 1 << index != 0)
    }
}

/// How the numbers of a column are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notation {
    pub(crate) style: Style,
    pub(crate) role: Role,
    /// The percent sign, currency or unit, as it is written.
    pub(crate) beside: String,
}

impl Notation {
    /// As programs write numbers.
    pub(crate) fn is_plain(&self) -> bool {
        self.style == STYLES[0] && self.role == Role::Nothing
    }

    /// The value of a cell in this notation. What stands beside it may be left out.
    pub(crate) fn read(&self, text: &str) -> Option<f64> {
        let number = number(text)?;
        let beside = number.role == Role::Nothing || (number.role == self.role && number.beside == self.beside);
        (beside && number.can_be(self.style)).then(|| number.value(self.style))
    }

    /// What is said of it: `a decimal comma and a point between thousands`.
    pub(crate) fn words(&self) -> String {
        let mut words = Vec::new();
        if self.style.decimal == Comma {
            words.push("a decimal comma".to_owned());
        }
        if let Some(group) = self.style.group {
            words.push(format!(
                "{} between thousands",
                match group {
                    Group::Comma => "a comma",
                    Group::Point => "a point",
                    Group::Space => "a space",
                    Group::Apostrophe => "an apostrophe",
                    Group::Underscore => "an underscore",
                }
            ));
        }
        match self.role {
            Role::Nothing => {}
            Role::Percent => words.push(format!("percent ({})", self.beside)),
            Role::Currency => words.push(format!("the currency {}", self.beside)),
            Role::Unit => words.push(format!("the unit {}", self.beside)),
        }
        leanset_problem::list(words, usize::MAX)
    }

    /// A value with this decimal mark.
    pub(crate) fn spell(&self, value: f64) -> String {
        let text = format!("{value:?}");
        if self.style.decimal == Comma { text.replace('.', ",") } else { text }
    }
}

/// What the cells of a column have in common, cell by cell.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    styles: u16,
    role: Role,
    beside: String,
    /// The first cell; one that left no common style; one with something else beside it.
    first: Option<usize>,
    apart: Option<usize>,
    other: Option<usize>,
    /// Whether a unit was seen in any cell.
    pub(crate) units: bool,
    /// Different cells with a comma, up to a few, and whether all cells without one are below 1000.
    commas: Vec<String>,
    whole: bool,
    short: bool,
}

/// What a column of numbers is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All in this notation.
    One(Notation),
    /// Commas that are decimal to some and between thousands to others.
    Ambiguous,
    /// No notation that all cells can be of: the cell that differs.
    Mixed(usize),
    /// Percent signs, currencies or units that differ: the cell that differs.
    Beside(usize),
}

impl Tally {
    pub(crate) fn new(decimal: Option<DecimalMark>) -> Self {
        let allowed =
            |(index, style): (usize, &Style)| u16::from(decimal.is_none_or(|mark| style.decimal == mark)) << index;
        Self {
            styles: STYLES.iter().enumerate().map(allowed).fold(0, |all, bit| all | bit),
            role: Role::Nothing,
            beside: String::new(),
            first: None,
            apart: None,
            other: None,
            units: false,
            commas: Vec::new(),
            whole: false,
            short: true,
        }
    }

    /// One more cell of the column.
    pub(crate) fn see(&mut self, row: usize, number: &Number<'_>) {
        if self.first.is_none() {
            self.first = Some(row);
            (self.role, self.beside) = (number.role, number.beside.to_owned());
        }
        self.units |= number.role == Role::Unit;
        if (number.role, number.beside) != (self.role, self.beside.as_str()) {
            self.other.get_or_insert(row);
        }
        if self.styles & number.styles == 0 {
            self.apart.get_or_insert(row);
        } else {
            self.styles &= number.styles;
        }
        if number.body.contains(',') {
            if self.commas.len() < 3 && !self.commas.iter().any(|seen| *seen == number.body) {
                self.commas.push(number.body.clone().into_owned());
            }
        } else {
            self.whole = true;
            self.short &= number.body.len() <= 3;
        }
    }

    pub(crate) fn first(&self) -> usize {
        self.first.unwrap_or(0)
    }

    /// What the column is. `values_agree` says whether two styles give every cell the same value.
    pub(crate) fn verdict(&self, values_agree: impl Fn(Style, Style) -> bool) -> Verdict {
        if let Some(row) = self.apart {
            return Verdict::Mixed(row);
        }
        if let Some(row) = self.other {
            return Verdict::Beside(row);
        }
        let one = |style| Verdict::One(Notation { style, role: self.role, beside: self.beside.clone() });
        let mut left =
            STYLES.iter().enumerate().filter(|(index, _)| self.styles & 1 << index != 0).map(|(_, style)| *style);
        let Some(style) = left.next() else { return Verdict::Mixed(self.first()) };
        // A decimal point is what programs write: it needs no other witness.
        if self.styles & PLAIN != 0 {
            return one(style);
        }
        match left.find(|other| !values_agree(style, *other)) {
            None => one(style),
            // Numbers of up to three digits have no comma, all others have one: these are thousands. Decimals would
            // have one or two digits somewhere.
            Some(other) if self.whole && self.short && self.commas.len() >= 3 => {
                one(if style.group == Some(Group::Comma) { style } else { other })
            }
            Some(_) => Verdict::Ambiguous,
        }
    }
}

/// How the dates of a column are written; a set of them is a mask of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "what comes first is what tells them apart")]
pub(crate) enum DateOrder {
    /// 2024-03-29, or a time of day.
    YearFirst = 1,
    /// 29.3.2024, 29 March 2024.
    DayFirst = 2,
    /// 3/29/2024, March 29, 2024.
    MonthFirst = 4,
}

/// The orders in which a cell is a date, as a mask; 0 if it is none.
pub(crate) fn date_orders(text: &str) -> u8 {
    [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst]
        .into_iter()
        .filter(|&order| days(text, order).is_some())
        .fold(0, |all, order| all | order as u8)
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Days since 1970-01-01, or the fraction of a day that a time of day is. A moment with an offset counts in UTC.
pub(crate) fn days(text: &str, order: DateOrder) -> Option<f64> {
    let text = trimmed(text);
    if !text.as_bytes().first()?.is_ascii_alphanumeric() || text.len() > 64 || !text.bytes().any(|b| b.is_ascii_digit())
    {
        return None;
    }
    if order == DateOrder::YearFirst
        && let Some(time) = time_of_day(text)
    {
        return Some(time);
    }
    if order == DateOrder::YearFirst
        && let Some(day) = week_or_quarter(text)
    {
        return Some(day);
    }
    let (date, rest) = if text.as_bytes()[0].is_ascii_digit() && text.contains(['-', '/', '.']) {
        match text.find([' ', 'T', 't', '\u{a0}']) {
            // `29-Oct-2024` has a `t` too: a time begins with a digit.
            Some(at) => {
                let width = text[at..].chars().next().map_or(1, char::len_utf8);
                let rest = text[at + width..].trim_start();
                if rest.starts_with(|c: char| c.is_ascii_digit()) { (&text[..at], rest) } else { (text, "") }
            }
            None => (text, ""),
        }
    } else {
        // `Tue, 02 Jan 2024 10:00:00 GMT`: the time begins with the word that has a colon.
        match text.find(':').and_then(|colon| text[..colon].rfind(char::is_whitespace)) {
            Some(at) => (text[..at].trim_end(), text[at..].trim_start()),
            None => (text, ""),
        }
    };
    // `Tue Jan  2 10:00:00 2024`, as C writes it.
    if let Some((time, year)) = rest.rsplit_once(' ')
        && year.len() == 4
        && year.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(named_date(&format!("{date} {year}"), order)? + moment(time)?);
    }
    let day = numeric_date(date, order).or_else(|| named_date(date, order))?;
    if rest.is_empty() { Some(day) } else { moment(rest).map(|time| day + time) }
}

fn numeric_date(text: &str, order: DateOrder) -> Option<f64> {
    let mark = text.find(['-', '/', '.']).map(|at| text.as_bytes()[at])?;
    let parts: Vec<&str> = text.split(char::from(mark)).collect();
    let value = |part: &str, digits: std::ops::RangeInclusive<usize>| -> Option<i64> {
        (digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (year, month, day) = match (order, parts.as_slice()) {
        (DateOrder::YearFirst, [year, month, day]) => (value(year, 4..=4)?, value(month, 1..=2)?, value(day, 1..=2)?),
        // A month; a year that is none of these is rather a code.
        (DateOrder::YearFirst, [year, month]) if mark != b'.' => {
            let year = value(year, 4..=4).filter(|year| (1500..2500).contains(year))?;
            (year, value(month, 2..=2)?, 1)
        }
        // A year of two digits: 29/03/24, 29.03.24.
        (DateOrder::DayFirst, [day, month, year]) if year.len() == 2 => {
            (short_year(value(year, 2..=2)?), value(month, digits_of(mark))?, value(day, digits_of(mark))?)
        }
        (DateOrder::MonthFirst, [month, day, year]) if year.len() == 2 && mark != b'.' => {
            (short_year(value(year, 2..=2)?), value(month, digits_of(mark))?, value(day, digits_of(mark))?)
        }
        (DateOrder::DayFirst, [day, month, year]) => (value(year, 4..=4)?, value(month, 1..=2)?, value(day, 1..=2)?),
        // Nobody writes the month first before a point.
        (DateOrder::MonthFirst, [month, day, year]) if mark != b'.' => {
            (value(year, 4..=4)?, value(month, 1..=2)?, value(day, 1..=2)?)
        }
        _ => return None,
    };
    civil(year, month, day)
}

/// The year that two digits stand for, as POSIX has it.
fn short_year(year: i64) -> i64 {
    if year < 69 { 2000 + year } else { 1900 + year }
}

/// How many digits a day or month has beside a year of two: `1/2/24` is a date, and `1.2.24` rather a version.
fn digits_of(mark: u8) -> std::ops::RangeInclusive<usize> {
    if mark == b'/' { 1..=2 } else { 2..=2 }
}

/// The first day of an ISO week or of a quarter: `2024-W05`, `2024-W05-3`, `2024Q1`.
fn week_or_quarter(text: &str) -> Option<f64> {
    let (year, rest) = text.split_at_checked(4)?;
    let digits = |text: &str| -> Option<i64> { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())? };
    let year = digits(year).filter(|year| (1500..2500).contains(year))?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    if let Some(quarter) = rest.strip_prefix('Q') {
        let quarter =
            digits(quarter).filter(|quarter| quarter.to_string() == rest[1..] && (1..=4).contains(quarter))?;
        return civil(year, 3 * quarter - 2, 1);
    }
    let (week, after) = rest.strip_prefix('W')?.split_at_checked(2)?;
    let week = digits(week).filter(|week| (1..=53).contains(week))?;
    let day = match after.strip_prefix('-').unwrap_or(after) {
        "" => 1,
        day => digits(day).filter(|day| day.to_string().len() == 1 && (1..=7).contains(day))?,
    };
    // The week of January 4 is the first. 1970-01-01 was a Thursday.
    let fourth = civil(year, 1, 4)?;
    let monday = fourth - (fourth + 3.0).rem_euclid(7.0);
    Some(monday + (7 * (week - 1) + day - 1) as f64)
}

/// Whether an integer is a day written without marks: 20241231.
pub(crate) fn is_day_of_digits(value: i64) -> bool {
    (1900..2200).contains(&(value / 10_000)) && civil(value / 10_000, value / 100 % 100, value % 100).is_some()
}

/// A date with the English name of its month, in any usual order.
fn named_date(text: &str, order: DateOrder) -> Option<f64> {
    if order == DateOrder::YearFirst {
        return None;
    }
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/' | '.'))
        .filter(|word| !word.is_empty())
        .collect();
    let words = match words.as_slice() {
        [weekday, rest @ ..] if rest.len() == 3 && weekday.bytes().all(|b| b.is_ascii_alphabetic()) => rest,
        all => all,
    };
    let month = |word: &str| -> Option<i64> {
        let lower = word.to_ascii_lowercase();
        let at = MONTHS.iter().position(|name| lower.starts_with(name))?;
        const NAMES: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        (lower.len() == 3 || NAMES[at] == lower || lower == "sept")
            .then_some(at)
            .and_then(|at| i64::try_from(at + 1).ok())
    };
    let number = |word: &str| word.parse::<i64>().ok().filter(|_| word.len() <= 4);
    let (day, month, year) = match (order, words) {
        (DateOrder::DayFirst, [day, name, year]) => (number(day)?, month(name)?, number(year)?),
        (DateOrder::MonthFirst, [name, day, year]) => (number(day)?, month(name)?, number(year)?),
        _ => return None,
    };
    (year >= 1000).then(|| civil(year, month, day))?
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn civil(year: i64, month: i64, day: i64) -> Option<f64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of a year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * m + 2) / 5 + day - 1;
    Some((era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468) as f64)
}

/// A time with an offset, as a fraction of a day in UTC.
fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(utc) =
        text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("UTC")).or_else(|| text.strip_suffix("GMT"))
    {
        return time_of_day(utc.trim_end());
    }
    match text.rfind(['+', '-', '\u{2212}']) {
        None => time_of_day(text),
        Some(at) => {
            let mut chars = text[at..].chars();
            let later = chars.next() == Some('+');
            let digits: String = chars.filter(|&c| c != ':').collect();
            if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let hours: f64 = digits[..2].parse().ok()?;
            let minutes: f64 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0.0 };
            let offset = (hours + minutes / 60.0) / 24.0;
            Some(time_of_day(text[..at].trim_end())? + if later { -offset } else { offset })
        }
    }
}

/// A time of day as a fraction of a day: `9:05`, `09:05:30.25`, `9:05 PM`.
fn time_of_day(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) =
        match lower.strip_suffix("am").map(|t| (t, 0.0)).or_else(|| lower.strip_suffix("pm").map(|t| (t, 12.0))) {
            Some((clock, half)) => (clock.trim_end(), Some(half)),
            None => (lower.as_str(), None),
        };
    let mut parts = clock.split(':');
    let two = |part: Option<&str>, least: usize, most: f64| -> Option<f64> {
        let part = part.filter(|part| (least..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse().ok().filter(|&value: &f64| value <= most)
    };
    let hours = two(parts.next(), 1, 24.0)?;
    let minutes = two(parts.next(), 2, 59.0)?;
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) => {
            let (whole, fraction) = part.split_once(['.', ',']).unwrap_or((part, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            two(Some(whole), 2, 60.0)? + format!("0.{fraction}").parse::<f64>().ok()?
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let hours = match half {
        None => hours,
        Some(half) if (1.0..=12.0).contains(&hours) => hours % 12.0 + half,
        Some(_) => return None,
    };
    Some((hours * 3600.0 + minutes * 60.0 + seconds) / 86_400.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The verdict on a column of these cells, which are all numbers.
    fn verdict(cells: &[&str], decimal: Option<DecimalMark>) -> Verdict {
        let mut tally = Tally::new(decimal);
        let numbers: Vec<Number<'_>> =
            cells.iter().map(|cell| number(cell).unwrap_or_else(|| panic!("{cell}"))).collect();
        numbers.iter().enumerate().for_each(|(row, number)| tally.see(row, number));
        tally.verdict(|a, b| numbers.iter().all(|number| number.value(a) == number.value(b)))
    }

    fn values(cells: &[&str]) -> Vec<f64> {
        match verdict(cells, None) {
            Verdict::One(notation) => cells.iter().map(|cell| notation.read(cell).unwrap()).collect(),
            other => panic!("{cells:?}: {other:?}"),
        }
    }

    #[test]
    fn a_column_tells_its_notation() {
        for (cells, expected) in [
            (&["1.5", "-2", "1e3", ".5", "5."][..], &[1.5, -2.0, 1000.0, 0.5, 5.0][..]),
            (&["1,5", "2,25", "-3"], &[1.5, 2.25, -3.0]),
            (&["0,125", "1,250"], &[0.125, 1.25]),
            (&["1.234,56", "12"], &[1234.56, 12.0]),
            (&["1.234.567", "1.234"], &[1_234_567.0, 1234.0]),
            (&["1,234.5", "1,234"], &[1234.5, 1234.0]),
            (&["1,234,567", "2,345"], &[1_234_567.0, 2345.0]),
            (&["12,34,567", "1,234"], &[1_234_567.0, 1234.0]),
            (&["7", "950", "1,234", "2,500", "13,001"], &[7.0, 950.0, 1234.0, 2500.0, 13_001.0]),
            (&["1 234", "1\u{a0}234,5", "2\u{202f}000"], &[1234.0, 1234.5, 2000.0]),
            (&["1'234.50", "1\u{2019}000"], &[1234.5, 1000.0]),
            (&["1_000", "12"], &[1000.0, 12.0]),
            (&["\u{2212}1.5", "+2", "- 3"], &[-1.5, 2.0, -3.0]),
            (&["5%", "12 %", "-7.5\u{a0}%"], &[5.0, 12.0, -7.5]),
            (&["$5", "-$7.25", "$ 1,000", "($3)"], &[5.0, -7.25, 1000.0, -3.0]),
            (&["€ 1.234,50", "-€ 7,25"], &[1234.5, -7.25]),
            (&["10 EUR", "12.5 EUR"], &[10.0, 12.5]),
            (&["Rs.500", "Rs.1,50,000"], &[500.0, 150_000.0]),
            (&["(45)", "45"], &[-45.0, 45.0]),
            (&["1.5E+03", "2.0D-02", "1.5×10^3"], &[1500.0, 0.02, 1500.0]),
            (&["\u{ff11}\u{ff12}", "\u{663}"], &[12.0, 3.0]),
            (&["5 kg", "7.5kg"], &[5.0, 7.5]),
            (&["007", "12"], &[7.0, 12.0]),
        ] {
            assert_eq!(values(cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn what_a_column_does_not_tell_is_not_guessed() {
        assert_eq!(verdict(&["1,234", "2,500"], None), Verdict::Ambiguous);
        assert_eq!(
            verdict(&["1,234", "12", "1,234"], None),
            Verdict::Ambiguous,
            "one number with a comma is no custom"
        );
        assert_eq!(verdict(&["1,234", "1234", "2,345", "3,456"], None), Verdict::Ambiguous);
        assert_eq!(verdict(&["1,5", "2.5"], None), Verdict::Mixed(1));
        assert_eq!(verdict(&["5%", "0.05"], None), Verdict::Beside(1));
        assert_eq!(verdict(&["$5", "€5"], None), Verdict::Beside(1));
        assert_eq!(verdict(&["1.5"], Some(Comma)), Verdict::Mixed(0));
        for (decimal, expected) in [(Comma, 1.234), (Point, 1234.0)] {
            let Verdict::One(notation) = verdict(&["1,234"], Some(decimal)) else { panic!("{decimal:?}") };
            assert_eq!(notation.read("1,234"), Some(expected));
        }
    }

    #[test]
    fn words_with_digits_are_no_numbers() {
        for word in [
            "",
            " ",
            "A4",
            "B5",
            "3-5 y",
            "x1",
            "12a3",
            "1.2.3",
            "192.168.1.10",
            "1,23",
            "12:30",
            "2024-01-31",
            "#5",
            "No. 5",
            "1/2",
            "--5",
            "5-",
            "$",
            "%",
            "1 2",
            "0x10",
            "12 Main Street",
            "3D4",
            "1e",
            "(",
            "()",
            "5 (old)",
            "1,2,3",
        ] {
            let one = number(word).filter(|number| number.role != Role::Unit);
            if word == "1,23" {
                assert!(one.is_some());
            } else {
                assert!(one.is_none(), "{word}: {one:?}");
            }
        }
    }

    #[test]
    fn dates_are_days() {
        for (text, order, expected) in [
            ("1970-01-01", DateOrder::YearFirst, 0.0),
            ("2024-02-29", DateOrder::YearFirst, 19_782.0),
            ("2024/03/01", DateOrder::YearFirst, 19_783.0),
            ("1969-12-31T12:00:00", DateOrder::YearFirst, -0.5),
            ("1970-01-02 06:00", DateOrder::YearFirst, 1.25),
            ("1970-01-01T00:00:00+06:00", DateOrder::YearFirst, -0.25),
            ("1970-01-01T00:00:00.000Z", DateOrder::YearFirst, 0.0),
            ("1970-02", DateOrder::YearFirst, 31.0),
            ("06:00:00", DateOrder::YearFirst, 0.25),
            ("6:00 PM", DateOrder::YearFirst, 0.75),
            ("2.1.1970", DateOrder::DayFirst, 1.0),
            ("02/01/1970", DateOrder::DayFirst, 1.0),
            ("02/01/1970", DateOrder::MonthFirst, 31.0),
            ("2-Jan-1970", DateOrder::DayFirst, 1.0),
            ("29-Oct-1970", DateOrder::DayFirst, 301.0),
            ("Thursday, 1 October 1970", DateOrder::DayFirst, 273.0),
            ("Jan 2, 1970", DateOrder::MonthFirst, 1.0),
            ("02/01/70", DateOrder::DayFirst, 1.0),
            ("1/2/70", DateOrder::MonthFirst, 1.0),
            ("02.01.70", DateOrder::DayFirst, 1.0),
            ("01-03-00", DateOrder::MonthFirst, 10_959.0),
            ("Fri, 02 Jan 1970 06:00:00 GMT", DateOrder::DayFirst, 1.25),
            ("Fri, 2 Jan 1970 06:00:00 +0600", DateOrder::DayFirst, 1.0),
            ("2 Jan 1970 6:00 PM", DateOrder::DayFirst, 1.75),
            ("Fri Jan  2 06:00:00 1970", DateOrder::MonthFirst, 1.25),
            ("1970-W01", DateOrder::YearFirst, -3.0),
            ("1970-W01-4", DateOrder::YearFirst, 0.0),
            ("2024W05", DateOrder::YearFirst, 19_751.0),
            ("2024-Q1", DateOrder::YearFirst, 19_723.0),
            ("1970Q2", DateOrder::YearFirst, 90.0),
        ] {
            assert_eq!(days(text, order), Some(expected), "{text}");
        }
        for word in [
            "2023-02-29",
            "2024-13-01",
            "31/31/2024",
            "1.5",
            "24",
            "2024",
            "1234-56",
            "16:9",
            "may",
            "A1-02-2024",
            "1-2",
            "10.2.14",
            "1-2-3",
            "1-2-24",
            "2024-W54",
            "2024-Q5",
            "2024-W5",
            "31/02/24",
            "12:30:2024",
            "ratio 16:9 2024",
        ] {
            assert_eq!(date_orders(word), 0, "{word}");
        }
        assert_eq!(date_orders("02.01.1970"), DateOrder::DayFirst as u8);
        assert_eq!(date_orders("02/01/1970"), DateOrder::DayFirst as u8 | DateOrder::MonthFirst as u8);
    }

    proptest! {
        #[test]
        fn plain_numbers_are_those_of_the_standard_library(value in any::<f64>().prop_filter("a number", |x| x.is_finite())) {
            let text = format!("{value:e}");
            let number = number(&text).unwrap();
            prop_assert_eq!(number.value(STYLES[0]).to_bits(), value.to_bits());
        }

        /// A number that is spelled in a style is read as that number.
        #[test]
        fn spelled_numbers_are_read_back(whole in 0_u64..1 << 40, hundredths in 0_u64..100, style in 0_usize..9) {
            let style = STYLES[style];
            let digits = whole.to_string();
            let mut grouped = String::new();
            for (at, c) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) {
                    grouped.extend(style.group.map(|group| char::from(byte(group))));
                }
                grouped.push(c);
            }
            let text = format!("{grouped}{}{hundredths:02}", char::from(mark(style.decimal)));
            let notation = Notation { style, role: Role::Nothing, beside: String::new() };
            let expected: f64 = format!("{digits}.{hundredths:02}").parse().unwrap();
            prop_assert_eq!(notation.read(&text), Some(expected), "{}", text);
        }

        /// A calendar walked day by day.
        #[test]
        fn civil_counts_days(year in -400_i64..3000, month in 1_i64..=12, day in 1_i64..=28) {
            let today = civil(year, month, day).unwrap();
            let tomorrow = civil(year, month, day + 1)
                .or_else(|| civil(year, month + 1, 1))
                .or_else(|| civil(year + 1, 1, 1))
                .unwrap();
            prop_assert_eq!(tomorrow, today + 1.0);
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,30}") {
            let _ = (number(&text), date_orders(&text));
        }
    }
}
