//! A column of a table: what it holds, its values, and which of them are missing.

use crate::row::FileRow;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floating-point numbers.
    Number,
    /// Whole numbers that fit 64 bits with sign.
    Integer,
    /// True or false.
    Boolean,
    /// Words: categories as a feature, class names as a label.
    Text,
    /// Dates, moments or times of day: carried along with its row, and a feature in days if the user names it.
    Date,
    /// Lists of so many numbers, such as embeddings: the coordinates of a point.
    List(usize),
    /// Anything else (a timestamp, lists of different lengths, raw bytes), by name: carried along, never a feature.
    Other(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Number => "numbers",
            Kind::Integer => "integers",
            Kind::Boolean => "true/false values",
            Kind::Text => "text",
            Kind::List(1) => "lists of 1 number",
            Kind::List(length) => return write!(f, "lists of {length} numbers"),
            Kind::Date => "dates",
            Kind::Other(name) => name,
        })
    }
}

/// A column by name, before any value is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The name in the header.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// How many rows have no value there (empty, one of [`crate::MISSING`], null or NaN).
    pub missing: usize,
}

/// The values of a column and which rows have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// One value per row. Where a row has none: NaN, 0, `false` or the empty text. A list with a missing number counts
    /// as missing.
    pub values: Values,
    /// One flag per row, `true` where the value is missing; `None` when nothing is.
    pub missing: Option<Vec<bool>>,
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 64-bit floats.
    Number(Vec<f64>),
    /// 32-bit floats (and 16-bit ones, which they hold exactly).
    Number32(Vec<f32>),
    /// Integers.
    Integer(Vec<i64>),
    /// Booleans.
    Boolean(Vec<bool>),
    /// Texts.
    Text(Texts),
    /// Lists of numbers, all of one length.
    List(Lists),
}

impl Default for Values {
    fn default() -> Self {
        Values::Number(Vec::new())
    }
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Number(v) => v.len(),
            Values::Number32(v) => v.len(),
            Values::Integer(v) => v.len(),
            Values::Boolean(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::List(v) => v.len(),
        }
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(&self, rows: &[FileRow]) -> Values {
        fn pick<T: Copy>(values: &[T], rows: &[FileRow]) -> Vec<T> {
            rows.iter().map(|row| values[row.index()]).collect()
        }
        match self {
            Values::Number(v) => Values::Number(pick(v, rows)),
            Values::Number32(v) => Values::Number32(pick(v, rows)),
            Values::Integer(v) => Values::Integer(pick(v, rows)),
            Values::Boolean(v) => Values::Boolean(pick(v, rows)),
            Values::Text(v) => Values::Text(rows.iter().map(|row| v.get(row.index())).collect()),
            Values::List(v) => Values::List(v.take(rows)),
        }
    }
}

impl Column {
    /// A column from its values and flags; flags that flag nothing become `None`.
    pub fn new(values: Values, missing: Option<Vec<bool>>) -> Self {
        let missing = missing.filter(|flags| flags.contains(&true));
        Self { values, missing }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What the values are.
    pub fn kind(&self) -> Kind {
        match &self.values {
            Values::Number(_) | Values::Number32(_) => Kind::Number,
            Values::Integer(_) => Kind::Integer,
            Values::Boolean(_) => Kind::Boolean,
            Values::Text(_) => Kind::Text,
            Values::List(v) => Kind::List(v.length()),
        }
    }

    /// Bytes of the values.
    pub(crate) fn memory(&self) -> u64 {
        let values = match &self.values {
            Values::Number(v) => 8 * v.len(),
            Values::Number32(v) => 4 * v.len(),
            Values::Integer(v) => 8 * v.len(),
            Values::Boolean(v) => v.len(),
            Values::Text(v) => v.bytes() + 8 * v.len(),
            Values::List(v) => v.memory(),
        };
        (values + self.missing.as_ref().map_or(0, Vec::len)) as u64
    }

    /// True when row `row` has no value.
    pub fn is_missing(&self, row: usize) -> bool {
        self.missing.as_ref().is_some_and(|flags| flags.get(row).copied().unwrap_or(false))
    }

    /// How many rows have no value.
    pub fn missing_count(&self) -> usize {
        self.missing.as_ref().map_or(0, |flags| flags.iter().filter(|&&flag| flag).count())
    }

    /// The value of a row as text, as it is written to CSV; empty when missing.
    ///
    /// Floats are the shortest text that reads back as the same float, and never look like integers (`1.0`).
    pub fn text(&self, row: usize) -> Cow<'_, str> {
        if self.is_missing(row) && !matches!(self.values, Values::List(_)) {
            return Cow::Borrowed("");
        }
        match &self.values {
            Values::Number(v) => Cow::Owned(format!("{:?}", v[row])),
            Values::Number32(v) => Cow::Owned(format!("{:?}", v[row])),
            Values::Integer(v) => Cow::Owned(v[row].to_string()),
            Values::Boolean(v) => Cow::Borrowed(if v[row] { "true" } else { "false" }),
            Values::Text(v) => Cow::Borrowed(v.get(row)),
            Values::List(v) => Cow::Owned(v.text(row)),
        }
    }

    /// Makes room for so many rows more.
    pub(crate) fn reserve_exact(&mut self, rows: usize) {
        match &mut self.values {
            Values::Number(v) => v.reserve_exact(rows),
            Values::Number32(v) => v.reserve_exact(rows),
            Values::Integer(v) => v.reserve_exact(rows),
            Values::Boolean(v) => v.reserve_exact(rows),
            Values::Text(_) | Values::List(_) => {}
        }
    }

    /// The rows of another column of the same kind behind these. Single floats become those of 64 bits beside others.
    pub(crate) fn append(&mut self, other: Column) {
        let (own, others) = (self.len(), other.len());
        if self.missing.is_some() || other.missing.is_some() {
            let mut flags = self.missing.take().unwrap_or_else(|| vec![false; own]);
            flags.extend(other.missing.unwrap_or_else(|| vec![false; others]));
            self.missing = Some(flags);
        }
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        match (&mut self.values, other.values) {
            (Values::Number(all), Values::Number(v)) => all.extend(v),
            (Values::Number32(all), Values::Number32(v)) => all.extend(v),
            (Values::Number(all), Values::Number32(v)) => all.extend(wide(v)),
            (Values::Number32(all), Values::Number(v)) => {
                let mut both = wide(std::mem::take(all));
                both.extend(v);
                self.values = Values::Number(both);
            }
            (Values::Integer(all), Values::Integer(v)) => all.extend(v),
            (Values::Boolean(all), Values::Boolean(v)) => all.extend(v),
            (Values::Text(all), Values::Text(v)) => v.iter().for_each(|text| all.push(text)),
            (Values::List(all), Values::List(v)) => {
                let rows = |lists: &Lists| (0..lists.len()).flat_map(|row| lists.get(row)).collect::<Vec<f64>>();
                let mut numbers = rows(all);
                numbers.extend(rows(&v));
                *all = Lists::of(numbers, all.length(), all.list_type());
            }
            // Both were asked for as one kind.
            _ => debug_assert!(false, "columns of two kinds"),
        }
    }

    /// The chosen rows, in the order given. Rows are checked by the caller.
    pub(crate) fn take(&self, rows: &[FileRow]) -> Column {
        let missing = self.missing.as_ref().map(|flags| rows.iter().map(|row| flags[row.index()]).collect());
        Column::new(self.values.take(rows), missing)
    }

    /// The first row whose value is not a value of `kind`. Integers are numbers, whole numbers are integers,
    /// everything is text, and a column without a single value is of every kind.
    pub(crate) fn conversion_fails_at(&self, kind: &Kind) -> Option<usize> {
        let fits = |row: usize| match (&self.values, kind) {
            (Values::Number(v), Kind::Integer) => whole(v[row]).is_some(),
            (Values::Number32(v), Kind::Integer) => whole(f64::from(v[row])).is_some(),
            _ => false,
        };
        let always =
            *kind == Kind::Text || self.kind() == *kind || (self.kind(), kind) == (Kind::Integer, &Kind::Number);
        if always { None } else { (0..self.len()).find(|&row| !self.is_missing(row) && !fits(row)) }
    }

    /// The same column as another kind; ask [`Column::conversion_fails_at`] first.
    pub(crate) fn into_kind(self, kind: &Kind) -> Column {
        if self.kind() == *kind {
            return self;
        }
        let rows = 0..self.len();
        let values = match kind {
            Kind::Number => Values::Number(match &self.values {
                // Rounds above 2^53, as parsing the same digits as a float would.
                Values::Integer(v) => {
                    rows.map(|row| if self.is_missing(row) { f64::NAN } else { v[row] as f64 }).collect()
                }
                _ => vec![f64::NAN; rows.len()],
            }),
            Kind::Integer => Values::Integer(match &self.values {
                Values::Number(v) => v.iter().map(|&x| whole(x).unwrap_or(0)).collect(),
                Values::Number32(v) => v.iter().map(|&x| whole(f64::from(x)).unwrap_or(0)).collect(),
                _ => vec![0; rows.len()],
            }),
            Kind::Boolean => Values::Boolean(vec![false; rows.len()]),
            Kind::List(length) => {
                Values::List(Lists::of(vec![f64::NAN; rows.len() * length], *length, ListType::default()))
            }
            Kind::Text | Kind::Date | Kind::Other(_) => Values::Text(rows.map(|row| self.text(row)).collect()),
        };
        Column { values, missing: self.missing }
    }
}

/// The integer a float is, if it is one and fits.
pub(crate) fn whole(x: f64) -> Option<i64> {
    // 2^63 is exact as a float; the range is half open, so the cast below cannot saturate.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (x.fract() == 0.0 && (-LIMIT..LIMIT).contains(&x)).then_some(x as i64)
}

macro_rules! column_from {
    ($($values:ty => $variant:ident),*) => {$(
        impl From<$values> for Column {
            fn from(values: $values) -> Self {
                Self { values: Values::$variant(values.into()), missing: None }
            }
        }
    )*};
}
column_from!(Vec<f64> => Number, Vec<f32> => Number32, Vec<i64> => Integer, Vec<bool> => Boolean, Texts => Text, Vec<String> => Text, Lists => List);

/// What lists are, in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListType {
    /// How they are laid out.
    pub layout: ListLayout,
    /// What they hold.
    pub item: ListItem,
}

/// How lists are laid out in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListLayout {
    /// Lists that could be of any length.
    #[default]
    List,
    /// The same, with 64-bit offsets.
    LargeList,
    /// Lists that are all of one length by their type.
    FixedSize,
    /// Lists anywhere in the elements.
    View,
    /// The same, with 64-bit offsets.
    LargeView,
}

/// What lists hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListItem {
    /// 16-bit floats.
    Float16,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats.
    #[default]
    Float64,
    /// Integers that 32-bit floats hold exactly.
    ShortInteger,
    /// Any integers.
    Integer,
}

impl ListItem {
    /// Whether the numbers are whole by their type.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::ShortInteger | Self::Integer)
    }
}

/// Writes the numbers of a row.
type ReadList = dyn Fn(usize, &mut [f64]) + Send + Sync;

/// Where the numbers of lists are.
#[derive(Clone)]
enum Numbers {
    /// Where the file has them: a row is copied when it is asked for.
    Read(Arc<ReadList>),
    /// Here, row after row.
    Single(Arc<Vec<f32>>),
    /// Here, row after row.
    Double(Arc<Vec<f64>>),
}

/// The numbers of lists, row after row.
pub(crate) enum ListNumbers {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Double(Arc::default())
    }
}

/// Lists of numbers, one per row and all of one length.
#[derive(Clone, Default)]
pub struct Lists {
    rows: usize,
    length: usize,
    list_type: ListType,
    numbers: Numbers,
}

impl Lists {
    /// Lists that `read` copies one at a time; numbers that are missing are NaN.
    pub(crate) fn new(
        (rows, length): (usize, usize),
        list_type: ListType,
        read: impl Fn(usize, &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        Self { rows, length, list_type, numbers: Numbers::Read(Arc::new(read)) }
    }

    /// Lists of `length` numbers from all their numbers, row after row.
    pub fn of(values: Vec<f64>, length: usize, list_type: ListType) -> Self {
        let rows = values.len().checked_div(length).unwrap_or(0);
        Self { rows, length, list_type, numbers: Numbers::Double(Arc::new(values)) }
    }

    /// The same of numbers that 32-bit floats hold exactly.
    #[cfg(feature = "arrow")]
    pub(crate) fn of_single(values: Vec<f32>, length: usize, list_type: ListType) -> Self {
        let rows = values.len().checked_div(length).unwrap_or(0);
        Self { rows, length, list_type, numbers: Numbers::Single(Arc::new(values)) }
    }

    /// All numbers without a copy, if they are held here and by nobody else.
    pub(crate) fn into_numbers(self) -> Option<ListNumbers> {
        match self.numbers {
            Numbers::Read(_) => None,
            Numbers::Single(values) => Arc::try_unwrap(values).ok().map(ListNumbers::Single),
            Numbers::Double(values) => Arc::try_unwrap(values).ok().map(ListNumbers::Double),
        }
    }

    /// Whether the numbers are held here, and in 32 bits.
    pub(crate) fn is_single(&self) -> Option<bool> {
        match self.numbers {
            Numbers::Read(_) => None,
            Numbers::Single(_) => Some(true),
            Numbers::Double(_) => Some(false),
        }
    }

    /// Bytes held here, and not where the file has them.
    fn memory(&self) -> usize {
        match &self.numbers {
            Numbers::Read(_) => 0,
            Numbers::Single(values) => 4 * values.len(),
            Numbers::Double(values) => 8 * values.len(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Numbers per row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// What the lists are in their file.
    pub fn list_type(&self) -> ListType {
        self.list_type
    }

    /// Copies the numbers of a row to `out`, of [`Lists::length`]; missing ones are NaN.
    ///
    /// # Panics
    /// If `row` is not below [`Lists::len`], or `out` is of another length, as indexing a slice does.
    #[inline]
    pub fn read(&self, row: usize, out: &mut [f64]) {
        let start = row * self.length;
        match &self.numbers {
            Numbers::Read(read) => read(row, out),
            Numbers::Single(all) => {
                out.iter_mut().zip(&all[start..][..self.length]).for_each(|(out, &x)| *out = f64::from(x));
            }
            Numbers::Double(all) => out.copy_from_slice(&all[start..][..self.length]),
        }
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// If `row` is not below [`Lists::len`], as indexing a slice does.
    pub fn get(&self, row: usize) -> Vec<f64> {
        let mut values = vec![0.0; self.length];
        self.read(row, &mut values);
        values
    }

    /// The same lists with every number changed when it is read.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        let all = self.clone();
        Self::new((self.rows, self.length), self.list_type, move |row, out| {
            all.read(row, out);
            out.iter_mut().for_each(|x| *x = change(*x));
        })
    }

    fn take(&self, rows: &[FileRow]) -> Self {
        let (all, rows) = (self.clone(), rows.to_vec());
        Self::new((rows.len(), self.length), self.list_type, move |row, out| all.read(rows[row].index(), out))
    }

    /// Numbers in brackets; nothing where all are missing.
    fn text(&self, row: usize) -> String {
        let values = self.get(row);
        if values.iter().all(|x| x.is_nan()) {
            return String::new();
        }
        let number = |x: &f64| match self.list_type.item {
            _ if x.is_nan() => "null".to_owned(),
            ListItem::Float16 | ListItem::Float32 => format!("{:?}", *x as f32),
            ListItem::Float64 => format!("{x:?}"),
            ListItem::ShortInteger | ListItem::Integer => format!("{x}"),
        };
        format!("[{}]", values.iter().map(number).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.rows).map(|row| self.get(row))).finish()
    }
}

/// The same numbers; missing ones are equal.
impl PartialEq for Lists {
    fn eq(&self, other: &Self) -> bool {
        let bits = |lists: &Self, row| lists.get(row).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        (self.rows, self.length) == (other.rows, other.length)
            && (0..self.rows).all(|row| bits(self, row) == bits(other, row))
    }
}

/// Texts of many rows in one allocation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds the text of the next row.
    pub fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    /// The text of a row.
    ///
    /// # Panics
    /// If `row` is not below [`Texts::len`], as indexing a slice does.
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.all[start..self.ends[row]]
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all texts together.
    pub fn bytes(&self) -> usize {
        self.all.len()
    }

    /// The texts in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Texts {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let mut all = Texts::default();
        texts.into_iter().for_each(|text| all.push(text.as_ref()));
        all
    }
}

impl From<Vec<String>> for Texts {
    fn from(texts: Vec<String>) -> Self {
        texts.into_iter().collect()
    }
}
