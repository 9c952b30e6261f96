//! Columns of Parquet files that stay in their files: they are read when their values are asked for, so that a table takes
//! no memory beside what is made of it.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use arrow_select::take::take;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use rayon::iter::Either;
use rayon::prelude::*;

use super::lists::{LengthTally, ListColumn, Wrong};
use super::parquet_bytes::ParquetBytes;
use super::unpacked::of_parquet;
use crate::column::{ListItem, ListNumbers, Lists};
use crate::row::FileRow;

/// Rows that are read at a time where only a part of them is needed at once.
const ROWS: usize = 1 << 13;

/// Whether columns of a type stay in their file. Categories do not: one row group may have others than another. Nor do
/// moments in days, because the type in which they are written depends on all of them.
pub(crate) fn stays(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Date64 => false,
        DataType::Struct(fields) => fields.iter().all(|field| stays(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => stays(item.data_type()),
        _ => true,
    }
}

/// What is known of a column once it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// Rows without a value.
    pub(crate) missing: usize,
    /// How long its lists are, if it holds lists of numbers.
    pub(crate) lengths: Option<LengthTally>,
}

impl Survey {
    /// What is known of a column in memory.
    pub(crate) fn of(array: &ArrayRef) -> Self {
        let mut survey = Self::default();
        survey.add(array, 0);
        survey
    }

    /// Adds the rows behind these.
    fn add(&mut self, array: &ArrayRef, first: usize) {
        match ListColumn::new(array) {
            Some(lists) => {
                self.missing += lists.missing_count();
                lists.count_lengths(self.lengths.get_or_insert_default(), first);
            }
            None => self.missing += missing(array),
        }
    }
}

/// Nulls, and NaN in floats.
fn missing(array: &ArrayRef) -> usize {
    let nans = |is_nan: &dyn Fn(usize) -> bool| (0..array.len()).filter(|&i| array.is_valid(i) && is_nan(i)).count();
    let nans = match array.data_type() {
        DataType::Float16 => nans(&|i| array.as_primitive::<Float16Type>().value(i).is_nan()),
        DataType::Float32 => nans(&|i| array.as_primitive::<Float32Type>().value(i).is_nan()),
        DataType::Float64 => nans(&|i| array.as_primitive::<Float64Type>().value(i).is_nan()),
        _ => 0,
    };
    array.logical_null_count() + nans
}

/// The rows of one Parquet file.
struct Part {
    bytes: ParquetBytes,
    reading: ArrowReaderMetadata,
    rows: usize,
    surveys: Vec<Survey>,
}

/// The rows of one Parquet file, or of several of which one's come behind those of another.
#[derive(Default)]
pub(crate) struct InFile {
    parts: Vec<Part>,
}

impl InFile {
    /// Reads the columns that stay in a file once, to see that they can be read and what they are. It reports to
    /// `progress` how many bytes of how many are done.
    ///
    /// # Errors
    /// The file is damaged, or has another number of rows than it says.
    pub(crate) fn new(
        bytes: ParquetBytes,
        reading: ArrowReaderMetadata,
        rows: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self, ArrowError> {
        let fields = reading.schema().fields().clone();
        let mut part = Part { bytes, reading, rows, surveys: vec![Survey::default(); fields.len()] };
        let sizes = part.packed_sizes();
        let (all, done) = (sizes.iter().sum::<u64>(), AtomicU64::new(0));
        let survey = |index: usize| {
            if !stays(fields[index].data_type()) {
                return Ok(Survey::default());
            }
            let (mut survey, mut found) = (Survey::default(), 0);
            for array in part.arrays(index, None, ROWS)? {
                let array = array?;
                survey.add(&array, found);
                found += array.len();
            }
            if found != rows {
                return Err(ArrowError::ParquetError(format!("it says that it has {rows} rows, and has {found}")));
            }
            let done = done.fetch_add(sizes[index], Ordering::Relaxed) + sizes[index];
            progress(done as usize, all as usize);
            Ok(survey)
        };
        // The error of the first column that has one, for any number of threads.
        let surveys: Vec<Result<Survey, ArrowError>> = (0..fields.len()).into_par_iter().map(survey).collect();
        part.surveys = surveys.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { parts: vec![part] })
    }

    /// The rows of other files behind these.
    pub(crate) fn append(&mut self, others: Self) {
        self.parts.extend(others.parts);
    }

    /// What is known of a column.
    pub(crate) fn survey(&self, index: usize) -> Survey {
        let (mut all, mut first) = (Survey::default(), 0);
        for part in &self.parts {
            let own = &part.surveys[index];
            all.missing += own.missing;
            if let Some(lengths) = &own.lengths {
                all.lengths.get_or_insert_default().append(lengths, first);
            }
            first += part.rows;
        }
        all
    }

    /// Bytes in memory.
    pub(crate) fn memory(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.memory()).sum()
    }

    /// Bytes that these columns take once they are read, by what the files say of them.
    pub(crate) fn unpacked_of(&self, columns: &[usize]) -> u64 {
        let of_part =
            |part: &Part| of_parquet(part.reading.metadata(), part.reading.schema(), |index| columns.contains(&index));
        self.parts.iter().map(of_part).sum()
    }

    /// Bytes that all rows take once they are read, by what the files say of them.
    pub(crate) fn unpacked(&self) -> u64 {
        let of_part = |part: &Part| {
            let groups = part.reading.metadata().row_groups().iter();
            let encoded: u64 = groups.map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0)).sum();
            let schema = part.reading.schema();
            of_parquet(part.reading.metadata(), schema, |index| stays(schema.field(index).data_type())).max(encoded)
        };
        self.parts.iter().map(of_part).sum()
    }

    /// Bytes that a row takes once it is read, on average; nothing where there is no file.
    pub(crate) fn bytes_of_row(&self) -> Option<usize> {
        let rows: usize = self.parts.iter().map(|part| part.rows).sum();
        (rows > 0).then(|| usize::try_from(self.unpacked()).unwrap_or(usize::MAX) / rows)
    }

    /// All rows of a column, a few after another.
    pub(crate) fn arrays(&self, index: usize) -> impl Iterator<Item = Result<ArrayRef, ArrowError>> + '_ {
        self.parts.iter().flat_map(move |part| match part.arrays(index, None, ROWS) {
            Ok(arrays) => Either::Left(arrays),
            Err(error) => Either::Right(std::iter::once(Err(error))),
        })
    }

    /// All rows of a column.
    ///
    /// # Errors
    /// The file cannot be read any more, or was written into.
    pub(crate) fn column(&self, index: usize) -> Result<ArrayRef, ArrowError> {
        let mut arrays = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            // In one piece where the reader can.
            for array in part.arrays(index, None, part.rows.max(1))? {
                arrays.push(array?);
            }
        }
        one(arrays)
    }

    /// These rows of a column, in this order.
    ///
    /// # Errors
    /// As [`Self::column`].
    pub(crate) fn taken(&self, index: usize, rows: &[FileRow]) -> Result<ArrayRef, ArrowError> {
        let mut sorted: Vec<u32> = rows.iter().map(|row| row.0).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let (mut arrays, mut rest, mut first) = (Vec::new(), &sorted[..], 0);
        for part in &self.parts {
            let end = first + part.rows;
            let (own, behind) = rest.split_at(rest.partition_point(|&row| (row as usize) < end));
            rest = behind;
            if !own.is_empty() {
                let own: Vec<usize> = own.iter().map(|&row| row as usize - first).collect();
                for array in part.arrays(index, Some(&own), own.len())? {
                    arrays.push(array?);
                }
            }
            first = end;
        }
        let array = match self.parts.first() {
            Some(part) if arrays.is_empty() => new_empty_array(part.reading.schema().field(index).data_type()),
            _ => one(arrays)?,
        };
        if rows.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(array);
        }
        let at = |row: &FileRow| sorted.partition_point(|&before| before < row.0) as u32;
        take(&array, &UInt32Array::from_iter_values(rows.iter().map(at)), None)
    }

    /// The lists of a column, all of this length, one after another; and for each row whether it has none or lacks a number.
    ///
    /// # Errors
    /// As [`Self::column`]; the row whose list is of another length or holds an integer that no float is.
    pub(crate) fn lists(&self, index: usize, length: usize) -> Result<(Lists, Vec<bool>), NoLists> {
        let rows: usize = self.parts.iter().map(|part| part.rows).sum();
        let (mut numbers, mut missing, mut list_type) = (None, Vec::with_capacity(rows), None);
        for array in self.arrays(index) {
            let Some(lists) = ListColumn::new(&array?) else { return Err(NoLists::Other) };
            let first = missing.len();
            lists.check(length).map_err(|(row, wrong)| NoLists::Wrong(first + row, wrong))?;
            missing.extend(lists.missing());
            list_type.get_or_insert(lists.list_type());
            let numbers = match &mut numbers {
                Some(numbers) => numbers,
                none => none.insert(room(lists.list_type().item, rows.saturating_mul(length))?),
            };
            match numbers {
                ListNumbers::Single(all) => lists.each(length, |list| all.extend(list.iter().map(|&x| x as f32))),
                ListNumbers::Double(all) => lists.each(length, |list| all.extend_from_slice(list)),
            }
        }
        let list_type = list_type.unwrap_or_default();
        let lists = match numbers {
            Some(ListNumbers::Single(all)) => Lists::of_single(all, length, list_type),
            Some(ListNumbers::Double(all)) => Lists::of(all, length, list_type),
            None => Lists::of(Vec::new(), length, list_type),
        };
        Ok((lists, missing))
    }
}

/// Why the lists of a column cannot be had.
pub(crate) enum NoLists {
    /// They cannot be read.
    Unreadable(ArrowError),
    /// The list of this row is no point.
    Wrong(usize, Wrong),
    /// The column holds no lists of numbers.
    Other,
}

impl From<ArrowError> for NoLists {
    fn from(error: ArrowError) -> Self {
        Self::Unreadable(error)
    }
}

/// Room for all numbers of all lists, in the narrowest type that holds each exactly.
fn room(item: ListItem, count: usize) -> Result<ListNumbers, ArrowError> {
    fn of<T>(count: usize) -> Result<Vec<T>, ArrowError> {
        let mut numbers = Vec::new();
        let full = |_| ArrowError::MemoryError(format!("{count} numbers do not fit in memory"));
        numbers.try_reserve_exact(count).map_err(full)?;
        Ok(numbers)
    }
    Ok(match item {
        ListItem::Float16 | ListItem::Float32 | ListItem::ShortInteger => ListNumbers::Single(of(count)?),
        ListItem::Float64 | ListItem::Integer => ListNumbers::Double(of(count)?),
    })
}

impl Part {
    /// Bytes that each column takes in the file.
    fn packed_sizes(&self) -> Vec<u64> {
        let mut sizes = vec![0; self.surveys.len()];
        let leaves = self.reading.parquet_schema();
        for group in self.reading.metadata().row_groups() {
            for (leaf, chunk) in group.columns().iter().enumerate() {
                sizes[leaves.get_column_root_idx(leaf)] += u64::try_from(chunk.compressed_size()).unwrap_or(0);
            }
        }
        sizes
    }

    /// All rows of a column, or these, which are ascending; so many at a time.
    fn arrays(
        &self,
        index: usize,
        rows: Option<&[usize]>,
        size: usize,
    ) -> Result<impl Iterator<Item = Result<ArrayRef, ArrowError>>, ArrowError> {
        self.bytes.check_unchanged()?;
        let leaves = self.reading.parquet_schema();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.reading.clone())
            .with_projection(ProjectionMask::roots(leaves, [index]))
            .with_batch_size(size);
        if let Some(rows) = rows {
            let (groups, selection) = self.selection(rows);
            builder = builder.with_row_groups(groups).with_row_selection(selection);
        }
        let reader: ParquetRecordBatchReader = builder.build()?;
        Ok(reader.map(|batch| Ok(batch?.column(0).clone())))
    }

    /// The row groups that have these rows, and the rows within them.
    fn selection(&self, rows: &[usize]) -> (Vec<usize>, RowSelection) {
        let (mut groups, mut selectors) = (Vec::new(), Vec::new());
        let (mut rest, mut first) = (rows, 0);
        for (number, group) in self.reading.metadata().row_groups().iter().enumerate() {
            let end = first + usize::try_from(group.num_rows()).unwrap_or(0);
            let (own, behind) = rest.split_at(rest.partition_point(|&row| row < end));
            rest = behind;
            if !own.is_empty() {
                groups.push(number);
                let mut at = first;
                for run in own.chunk_by(|a, b| a + 1 == *b) {
                    selectors.push(RowSelector::skip(run[0] - at));
                    selectors.push(RowSelector::select(run.len()));
                    at = run[0] + run.len();
                }
                selectors.push(RowSelector::skip(end - at));
            }
            first = end;
        }
        (groups, RowSelection::from(selectors))
    }
}

fn one(arrays: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    match <[ArrayRef; 1]>::try_from(arrays) {
        Ok([only]) => Ok(only),
        Err(arrays) => concat(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
    }
}
