//! List columns of Arrow arrays: lists of numbers are read where they are.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, GenericListViewArray, OffsetSizeTrait, PrimitiveArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};

use crate::column::{Column, ListItem, ListLayout, ListType, Lists, Values};

/// The largest magnitude up to which every integer is a 64-bit float.
const EXACT: u64 = 1 << 53;

/// What a list column holds, by its type.
pub(crate) fn type_of(data_type: &DataType) -> Option<ListType> {
    let (layout, element) = match data_type {
        DataType::List(element) => (ListLayout::List, element),
        DataType::LargeList(element) => (ListLayout::LargeList, element),
        DataType::FixedSizeList(element, _) => (ListLayout::FixedSize, element),
        DataType::ListView(element) => (ListLayout::View, element),
        DataType::LargeListView(element) => (ListLayout::LargeView, element),
        _ => return None,
    };
    let item = match element.data_type() {
        DataType::Float16 => ListItem::Float16,
        DataType::Float32 => ListItem::Float32,
        DataType::Float64 => ListItem::Float64,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => ListItem::ShortInteger,
        integer if integer.is_integer() => ListItem::Integer,
        _ => return None,
    };
    Some(ListType { layout, item })
}

/// How long the lists of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// All that are there are of this length, and it is not 0.
    One(usize),
    /// There is none, or only empty ones.
    Nothing,
    /// They differ.
    Ragged {
        /// The length of most, and whether that is more than half of them.
        most: usize,
        common: bool,
        /// The first row of another length, and that length.
        odd: (usize, usize),
    },
}

/// The lengths of lists, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct LengthTally {
    /// The length of the last list that was added, how many in a row had it, and the row of the first of these.
    run: (usize, usize, usize),
    /// For each length how many have it, and the first row that does.
    counts: HashMap<usize, (usize, usize)>,
}

impl LengthTally {
    fn add(&mut self, length: usize, row: usize) {
        let (last, count, _) = &mut self.run;
        if *last == length && *count > 0 {
            *count += 1;
        } else {
            self.end_run();
            self.run = (length, 1, row);
        }
    }

    fn end_run(&mut self) {
        let (length, count, row) = std::mem::take(&mut self.run);
        if count > 0 {
            self.counts.entry(length).or_insert((0, row)).0 += count;
        }
    }

    /// Adds the lengths of rows behind these, of which the first is the row `first`.
    pub(crate) fn append(&mut self, behind: &Self, first: usize) {
        let mut behind = behind.clone();
        behind.end_run();
        self.end_run();
        for (length, (count, row)) in behind.counts {
            self.counts.entry(length).or_insert((0, first + row)).0 += count;
        }
    }

    /// What they are.
    pub(crate) fn lengths(&self) -> Lengths {
        let mut all = self.clone();
        all.end_run();
        let of_length = |(&length, &(count, _)): (&usize, &(usize, usize))| (count, length);
        // Of equally many the longest.
        let Some((count, most)) = all.counts.iter().map(of_length).max() else { return Lengths::Nothing };
        if all.counts.len() == 1 {
            return if most == 0 { Lengths::Nothing } else { Lengths::One(most) };
        }
        let lists: usize = all.counts.values().map(|(count, _)| count).sum();
        let others = all.counts.iter().filter(|(length, _)| **length != most);
        let odd = others.map(|(&length, &(_, row))| (row, length)).min().unwrap_or((0, 0));
        Lengths::Ragged { most, common: 2 * count > lists && most > 0, odd }
    }
}

/// The lists of a column, and where they are in its elements.
#[derive(Clone)]
pub(crate) struct ListColumn {
    list_type: ListType,
    places: Places,
    elements: Elements,
    nulls: Option<NullBuffer>,
    rows: usize,
}

/// Where lists begin and how long they are.
#[derive(Clone)]
enum Places {
    Fixed(usize),
    Offsets(OffsetBuffer<i32>),
    LargeOffsets(OffsetBuffer<i64>),
    Views(ScalarBuffer<i32>, ScalarBuffer<i32>),
    LargeViews(ScalarBuffer<i64>, ScalarBuffer<i64>),
}

/// The numbers of all lists.
#[derive(Clone)]
enum Elements {
    Float16(PrimitiveArray<Float16Type>),
    Float32(PrimitiveArray<Float32Type>),
    Float64(PrimitiveArray<Float64Type>),
    Int8(PrimitiveArray<Int8Type>),
    Int16(PrimitiveArray<Int16Type>),
    Int32(PrimitiveArray<Int32Type>),
    Int64(PrimitiveArray<Int64Type>),
    UInt8(PrimitiveArray<UInt8Type>),
    UInt16(PrimitiveArray<UInt16Type>),
    UInt32(PrimitiveArray<UInt32Type>),
    UInt64(PrimitiveArray<UInt64Type>),
}

/// Runs a body over the array behind [`Elements`].
macro_rules! with_elements {
    ($elements:expr, |$array:ident| $body:expr) => {
        match $elements {
            Elements::Float16($array) => $body,
            Elements::Float32($array) => $body,
            Elements::Float64($array) => $body,
            Elements::Int8($array) => $body,
            Elements::Int16($array) => $body,
            Elements::Int32($array) => $body,
            Elements::Int64($array) => $body,
            Elements::UInt8($array) => $body,
            Elements::UInt16($array) => $body,
            Elements::UInt32($array) => $body,
            Elements::UInt64($array) => $body,
        }
    };
}

impl Elements {
    fn new(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Float16 => Self::Float16(array.as_primitive().clone()),
            DataType::Float32 => Self::Float32(array.as_primitive().clone()),
            DataType::Float64 => Self::Float64(array.as_primitive().clone()),
            DataType::Int8 => Self::Int8(array.as_primitive().clone()),
            DataType::Int16 => Self::Int16(array.as_primitive().clone()),
            DataType::Int32 => Self::Int32(array.as_primitive().clone()),
            DataType::Int64 => Self::Int64(array.as_primitive().clone()),
            DataType::UInt8 => Self::UInt8(array.as_primitive().clone()),
            DataType::UInt16 => Self::UInt16(array.as_primitive().clone()),
            DataType::UInt32 => Self::UInt32(array.as_primitive().clone()),
            DataType::UInt64 => Self::UInt64(array.as_primitive().clone()),
            _ => return None,
        })
    }

    fn len(&self) -> usize {
        with_elements!(self, |array| array.len())
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        with_elements!(self, |array| array.nulls())
    }

    /// Copies the numbers from `start` on; missing ones are NaN.
    fn read(&self, start: usize, out: &mut [f64]) {
        fn copy<T: Copy>(values: &[T], start: usize, out: &mut [f64], widen: impl Fn(T) -> f64) {
            let values = &values[start..][..out.len()];
            out.iter_mut().zip(values).for_each(|(out, &value)| *out = widen(value));
        }
        match self {
            Self::Float16(a) => copy(a.values(), start, out, |x| x.to_f64()),
            Self::Float32(a) => copy(a.values(), start, out, f64::from),
            Self::Float64(a) => copy(a.values(), start, out, |x| x),
            Self::Int8(a) => copy(a.values(), start, out, f64::from),
            Self::Int16(a) => copy(a.values(), start, out, f64::from),
            Self::Int32(a) => copy(a.values(), start, out, f64::from),
            // Exact, because others are refused (`first_inexact`).
            Self::Int64(a) => copy(a.values(), start, out, |x| x as f64),
            Self::UInt8(a) => copy(a.values(), start, out, f64::from),
            Self::UInt16(a) => copy(a.values(), start, out, f64::from),
            Self::UInt32(a) => copy(a.values(), start, out, f64::from),
            Self::UInt64(a) => copy(a.values(), start, out, |x| x as f64),
        }
        if let Some(nulls) = self.nulls() {
            out.iter_mut().enumerate().filter(|(at, _)| nulls.is_null(start + at)).for_each(|(_, out)| *out = f64::NAN);
        }
    }

    /// The first integer between `start` and `end` that no 64-bit float is.
    fn first_inexact(&self, start: usize, end: usize) -> Option<i128> {
        let valid = |at: usize| self.nulls().is_none_or(|nulls| nulls.is_valid(at));
        match self {
            Self::Int64(a) => (start..end)
                .find(|&at| a.value(at).unsigned_abs() > EXACT && valid(at))
                .map(|at| i128::from(a.value(at))),
            Self::UInt64(a) => {
                (start..end).find(|&at| a.value(at) > EXACT && valid(at)).map(|at| i128::from(a.value(at)))
            }
            _ => None,
        }
    }

    /// Whether a number between `start` and `end` is missing: null or NaN.
    fn has_missing(&self, start: usize, end: usize) -> bool {
        let nan = match self {
            Self::Float16(a) => a.values()[start..end].iter().any(|x| x.is_nan()),
            Self::Float32(a) => a.values()[start..end].iter().any(|x| x.is_nan()),
            Self::Float64(a) => a.values()[start..end].iter().any(|x| x.is_nan()),
            _ => false,
        };
        nan || self.nulls().is_some_and(|nulls| nulls.slice(start, end - start).null_count() > 0)
    }
}

impl ListColumn {
    /// The lists of a column of that type.
    pub(crate) fn new(array: &ArrayRef) -> Option<Self> {
        let list_type = type_of(array.data_type())?;
        // Sliced arrays have sliced offsets and whole elements.
        fn offsets<O: OffsetSizeTrait>(array: &GenericListArray<O>) -> (OffsetBuffer<O>, ArrayRef) {
            (array.offsets().clone(), Arc::clone(array.values()))
        }
        fn views<O: OffsetSizeTrait>(array: &GenericListViewArray<O>) -> (ScalarBuffer<O>, ScalarBuffer<O>, ArrayRef) {
            (array.offsets().clone(), array.sizes().clone(), Arc::clone(array.values()))
        }
        let (places, values) = match list_type.layout {
            ListLayout::List => {
                let (offsets, values) = offsets(array.as_list::<i32>());
                (Places::Offsets(offsets), values)
            }
            ListLayout::LargeList => {
                let (offsets, values) = offsets(array.as_list::<i64>());
                (Places::LargeOffsets(offsets), values)
            }
            ListLayout::FixedSize => {
                let array: &FixedSizeListArray = array.as_fixed_size_list();
                (Places::Fixed(usize::try_from(array.value_length()).ok()?), Arc::clone(array.values()))
            }
            ListLayout::View => {
                let (offsets, sizes, values) = views(array.as_list_view::<i32>());
                (Places::Views(offsets, sizes), values)
            }
            ListLayout::LargeView => {
                let (offsets, sizes, values) = views(array.as_list_view::<i64>());
                (Places::LargeViews(offsets, sizes), values)
            }
        };
        let elements = Elements::new(&values)?;
        Some(Self { list_type, places, elements, nulls: array.nulls().cloned(), rows: array.len() })
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The elements of a row. Offsets that lie are those of an empty list.
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let (start, end) = match &self.places {
            Places::Fixed(length) => (row * length, (row + 1) * length),
            Places::Offsets(offsets) => {
                (offsets[row].unsigned_abs() as usize, offsets[row + 1].unsigned_abs() as usize)
            }
            Places::LargeOffsets(offsets) => (large(offsets[row]), large(offsets[row + 1])),
            Places::Views(offsets, sizes) => {
                let start = offsets[row].unsigned_abs() as usize;
                (start, start.saturating_add(sizes[row].unsigned_abs() as usize))
            }
            Places::LargeViews(offsets, sizes) => {
                let start = large(offsets[row]);
                (start, start.saturating_add(large(sizes[row])))
            }
        };
        if start <= end && end <= self.elements.len() { start..end } else { 0..0 }
    }

    /// Adds the lengths of these lists, which are those of the rows from `first` on.
    pub(crate) fn count_lengths(&self, tally: &mut LengthTally, first: usize) {
        (0..self.rows).filter(|&row| !self.is_null(row)).for_each(|row| tally.add(self.range(row).len(), first + row));
    }

    /// What the lists are, in the file.
    pub(crate) fn list_type(&self) -> ListType {
        self.list_type
    }

    /// Rows without a list, or with a number missing.
    pub(crate) fn missing(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.rows).map(|row| {
            let range = self.range(row);
            self.is_null(row) || self.elements.has_missing(range.start, range.end)
        })
    }

    /// How many rows have no list, or a number missing.
    pub(crate) fn missing_count(&self) -> usize {
        self.missing().filter(|&missing| missing).count()
    }

    /// Whether all lists are points of this length.
    ///
    /// # Errors
    /// The first row whose list is not, and what is wrong with it.
    pub(crate) fn check(&self, length: usize) -> Result<(), (usize, Wrong)> {
        for row in (0..self.rows).filter(|&row| !self.is_null(row)) {
            let range = self.range(row);
            if range.len() != length {
                return Err((row, Wrong::Length(range.len())));
            }
            if let Some(value) = self.elements.first_inexact(range.start, range.end) {
                return Err((row, Wrong::Inexact(value)));
            }
        }
        Ok(())
    }

    /// Copies the numbers of a row, which has a list of this length or none; missing ones are NaN.
    fn read(&self, row: usize, out: &mut [f64]) {
        if self.is_null(row) { out.fill(f64::NAN) } else { self.elements.read(self.range(row).start, out) }
    }

    /// Gives the numbers of each row to `see`; all lists are of this length.
    pub(crate) fn each(&self, length: usize, mut see: impl FnMut(&[f64])) {
        let mut list = vec![0.0; length];
        for row in 0..self.rows {
            self.read(row, &mut list);
            see(&list);
        }
    }

    /// The lists as a column; all are of this length.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn column(self, length: usize) -> Result<Column, (usize, Wrong)> {
        self.check(length)?;
        let missing = self.missing().collect();
        let (rows, list_type) = (self.rows, self.list_type);
        let lists = Lists::new((rows, length), list_type, move |row, out| self.read(row, out));
        Ok(Column::new(Values::List(lists), Some(missing)))
    }
}

fn large(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Why a list is no point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is of this length.
    Length(usize),
    /// It holds this integer.
    Inexact(i128),
}

/// The Arrow type of such lists.
pub(crate) fn data_type(list_type: ListType, length: usize) -> DataType {
    let item = match list_type.item {
        ListItem::Float16 => DataType::Float16,
        ListItem::Float32 => DataType::Float32,
        ListItem::Float64 => DataType::Float64,
        ListItem::ShortInteger => DataType::Int16,
        ListItem::Integer => DataType::Int64,
    };
    let element = Arc::new(Field::new_list_field(item, true));
    match list_type.layout {
        ListLayout::List => DataType::List(element),
        ListLayout::LargeList => DataType::LargeList(element),
        ListLayout::FixedSize => DataType::FixedSizeList(element, i32::try_from(length).unwrap_or(i32::MAX)),
        ListLayout::View => DataType::ListView(element),
        ListLayout::LargeView => DataType::LargeListView(element),
    }
}

/// Lists as an Arrow array of their type; rows without a list are null.
pub(crate) fn array(lists: &Lists) -> Result<ArrayRef, ArrowError> {
    let (rows, length) = (lists.len(), lists.length());
    let mut values = Vec::with_capacity(rows * length);
    let mut present = Vec::with_capacity(rows);
    let mut row_values = vec![0.0; length];
    for row in 0..rows {
        lists.read(row, &mut row_values);
        present.push(length == 0 || !row_values.iter().all(|x| x.is_nan()));
        values.extend_from_slice(&row_values);
    }
    let nulls = NullBuffer::from_iter(values.iter().map(|x| !x.is_nan()));
    let values = PrimitiveArray::<Float64Type>::new(values.into(), (nulls.null_count() > 0).then_some(nulls));
    let element = Arc::new(Field::new_list_field(DataType::Float64, true));
    let size = i32::try_from(length).map_err(|_| ArrowError::InvalidArgumentError("a list is too long".to_owned()))?;
    let nulls = NullBuffer::from(present);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let fixed = FixedSizeListArray::try_new(element, size, Arc::new(values), nulls)?;
    arrow_cast::cast(&fixed, &data_type(lists.list_type(), length))
}
