//! From columns to a matrix of floats: which columns, what becomes of words and of missing values, and which scale.
//!
//! An [`Encoder`] is fitted on one table and applies the same encoding to any table with those columns, so that a
//! reduced table is measured with the ruler of the full one.
//!
//! - Numbers and integers are scaled. Min–max is `x·s + m` with `s = 1/(max − min)` and `m = −min·s`, bit for bit what
//!   scikit-learn's `MinMaxScaler` computes; standard is `(x − mean)/σ` with the population σ.
//! - Booleans are 0 and 1. Texts are one-hot: a 0/1 dimension per category, categories sorted by their bytes.
//!   Neither is scaled.
//! - A column that does not vary keeps its value (scale 1) and is named in a warning.

use leanset_core::RowId;

use crate::classes::Classes;
use crate::coding::{Coding, Context, finite, fit_column, unseen};
use crate::column::{Column, Kind, Values};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::table::{Narrow, Table};

/// A text feature with more different values than this is refused: it is a name of the row, not a property.
pub const MAX_CATEGORIES: usize = 1_000;

/// What to do about missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// An error that counts them.
    #[default]
    Refuse,
    /// Fill features: numbers with the mean of the column, booleans and texts with its most frequent value (of equally
    /// frequent ones the first in sorted order). A missing label is an error.
    Mean,
    /// Leave out rows where a feature or the label is missing.
    Drop,
}

/// How numbers are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Each column to [0, 1].
    #[default]
    MinMax,
    /// Each column to mean 0 and variance 1.
    Standard,
    /// Not at all: values are those of the table.
    None,
}

/// Which columns take part, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The column of the classes; without one every row is of the class `all`.
    pub label: Option<String>,
    /// The feature columns; all but label, id and excluded ones when not given. A NumPy array names all its columns.
    pub features: Option<Vec<String>>,
    /// Columns that are no features.
    pub exclude: Vec<String>,
    /// What to do about missing values.
    pub missing: Missing,
    /// How numbers are scaled.
    pub scale: Scale,
    /// Cuts a numeric label into this many classes of equal counts.
    pub bins: Option<usize>,
    /// A column that names rows and is no feature.
    pub id: Option<String>,
}

/// A row-major matrix of features, one row per encoded row.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// 32 bits: nothing was scaled, and every value is exact in them.
    F32(Vec<f32>),
    /// 64 bits.
    F64(Vec<f64>),
}

impl Features {
    /// The values as 64-bit floats; widening is exact.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Features::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Features::F64(v) => v.clone(),
        }
    }
}

/// A table as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Row-major, `rows × dimensions`.
    pub features: Features,
    /// Encoded rows.
    pub rows: usize,
    /// Length of a row.
    pub dimensions: usize,
    /// The class of each encoded row: a position in `class_names`.
    pub classes: Vec<u32>,
    /// The classes of the table the encoder was fitted on, in code order; another table may lack some.
    pub class_names: Vec<String>,
    /// The row of the table behind each encoded row, where some were left out; `None` when all are there.
    pub kept: Option<Vec<RowId>>,
    /// What is worth knowing: that of the fit first, then that of this table.
    pub warnings: Vec<Warning>,
}

/// An encoding fitted on one table: which columns, how they become numbers, and the class names.
#[derive(Clone, Debug)]
pub struct Encoder {
    features: Vec<String>,
    codings: Vec<Coding>,
    label: Option<String>,
    classes: Classes,
    missing: Missing,
    /// Every value is exact in 32 bits.
    single: bool,
    constant: Vec<String>,
    warnings: Vec<Warning>,
}

/// The columns of an encoding, read.
struct Loaded {
    /// Positions in the table.
    indices: Vec<usize>,
    columns: Vec<Column>,
    label: Option<(usize, Column)>,
    /// Rows that take part.
    kept: Vec<u32>,
    /// Rows left out for missing values.
    holed: usize,
}

impl Encoder {
    /// Chooses the columns and learns categories, scales and classes from the rows of `table`.
    ///
    /// # Errors
    /// A column that does not exist or cannot be a feature or label; missing values that are refused; infinite values;
    /// ranges beyond what 64-bit floats can scale.
    pub fn fit(table: &Table, options: &EncodeOptions) -> Result<Encoder, Error> {
        Self::fit_loaded(table, options, None).map(|(encoder, _)| encoder)
    }

    /// [`Encoder::fit`] that learns scales, means and most frequent values from some rows of the table alone, as a
    /// training set's encoding must. Which categories and classes there are is that of the whole table: a row outside
    /// may hold one that those rows lack, and it changes nothing about the others.
    ///
    /// # Errors
    /// As [`Encoder::fit`]; a column without a value in these rows.
    pub fn fit_on(table: &Table, options: &EncodeOptions, rows: &[RowId]) -> Result<Encoder, Error> {
        Self::fit_loaded(table, options, Some(rows)).map(|(encoder, _)| encoder)
    }

    /// [`Encoder::fit`] and [`Encoder::encode`] of the same table, reading its columns once.
    ///
    /// # Errors
    /// As [`Encoder::fit`].
    pub fn fit_encode(table: &Table, options: &EncodeOptions) -> Result<(Encoder, Encoded), Error> {
        let (encoder, mut loaded) = Self::fit_loaded(table, options, None)?;
        if let Some((_, column)) = &mut loaded.label
            && column.kind() != encoder.classes.kind()
        {
            *column = std::mem::replace(column, Column::from(Vec::<bool>::new())).into_kind(&encoder.classes.kind());
        }
        let encoded = encoder.encode_loaded(table, &loaded)?;
        Ok((encoder, encoded))
    }

    fn fit_loaded(table: &Table, options: &EncodeOptions, rows: Option<&[RowId]>) -> Result<(Encoder, Loaded), Error> {
        let mut warnings = Vec::new();
        let indices = choose(table, options, &mut warnings)?;
        let wanted: Vec<(usize, Kind)> = indices
            .iter()
            .map(|&index| match table.columns()[index].kind {
                Kind::Integer => (index, Kind::Number),
                ref kind => (index, kind.clone()),
            })
            .collect();
        let label = match &options.label {
            None if options.bins.is_some() => {
                return Err(
                    Error::request("--bins cuts a label into classes, and there is no label").with_hint("add --label")
                );
            }
            None => None,
            Some(name) => {
                let index = table.position(name)?;
                Some((
                    index,
                    if let Kind::Other(_) = table.columns()[index].kind {
                        Kind::Text
                    } else {
                        table.columns()[index].kind.clone()
                    },
                ))
            }
        };
        let loaded = load(table, &wanted, label, options.missing)?;
        let fitted: Option<Vec<u32>> = rows.map(|rows| {
            let chosen: std::collections::HashSet<u32> = rows.iter().map(|row| row.0).collect();
            loaded.kept.iter().copied().filter(|row| chosen.contains(row)).collect()
        });

        let mut codings = Vec::with_capacity(loaded.columns.len());
        let mut constant = Vec::new();
        for (&index, column) in loaded.indices.iter().zip(&loaded.columns) {
            let at = Context { table, column: &table.columns()[index].name, index };
            let (coding, varies) =
                fit_column(&at, column, &loaded.kept, fitted.as_deref().unwrap_or(&loaded.kept), options)?;
            codings.push(coding);
            if !varies {
                constant.push(at.column.to_owned());
            }
        }
        if !constant.is_empty() {
            let (which, verb, tell) =
                if constant.len() == 1 { ("column", "holds", "tells") } else { ("columns", "hold", "tell") };
            warnings.push(Warning {
                code: "constant-column",
                message: format!(
                    "{which} {} {verb} one value in every row and {tell} no rows apart",
                    listed(&constant, 10)
                ),
                hint: None,
            });
        }
        let classes = match &loaded.label {
            None => Classes::All,
            Some((index, column)) => {
                let at = Context { table, column: &table.columns()[*index].name, index: *index };
                Classes::fit(&at, column, &loaded.kept, options.bins, &mut warnings)?
            }
        };
        let narrow: Vec<Option<Narrow>> = indices.iter().map(|&index| table.is_narrow(index)).collect();
        let numeric = |coding: &Coding| matches!(coding, Coding::Number { .. });
        let single = options.scale == Scale::None
            && narrow.contains(&Some(Narrow::Float))
            && codings.iter().zip(&narrow).all(|(coding, narrow)| !numeric(coding) || narrow.is_some())
            && !(options.missing == Missing::Mean && loaded.columns.iter().any(|column| column.missing.is_some()));
        let encoder = Encoder {
            features: indices.iter().map(|&index| table.columns()[index].name.clone()).collect(),
            codings,
            label: options.label.clone(),
            classes,
            missing: options.missing,
            single,
            constant,
            warnings,
        };
        Ok((encoder, loaded))
    }

    /// Class codes as a label column: of the kind the label was fitted on, or the names of bins.
    ///
    /// # Panics
    /// If a code is not below the number of classes, as indexing a slice does.
    pub fn label_column(&self, codes: &[u32]) -> Column {
        self.classes.column(codes)
    }

    /// Encodes a table with the columns the encoder was fitted on (it may have others, in any order).
    ///
    /// # Errors
    /// A column is not there or not of its kind; a category or class that was not there when the encoder was fitted;
    /// missing values that are refused; infinite values.
    pub fn encode(&self, table: &Table) -> Result<Encoded, Error> {
        self.encode_loaded(table, &self.load(table)?)
    }

    /// As [`Self::encode`], but rows of classes that were not there when the encoder was fitted are left out, with the
    /// warning `unknown-class`.
    ///
    /// # Errors
    /// Those of [`Self::encode`]; no row is of a class that is known.
    pub fn encode_known(&self, table: &Table) -> Result<Encoded, Error> {
        let mut loaded = self.load(table)?;
        let mut warning = None;
        if let Some((index, column)) = &loaded.label {
            let at = Context { table, column: &table.columns()[*index].name, index: *index };
            let (known, strange): (Vec<u32>, Vec<u32>) =
                loaded.kept.iter().partition(|&&row| self.classes.knows(column, row as usize));
            let names: std::collections::BTreeSet<String> =
                strange.iter().map(|&row| column.text(row as usize).into_owned()).collect();
            let names = listed(&names.into_iter().collect::<Vec<_>>(), 20);
            let (file, label, all) = (table.name(), shown(at.column), listed(&self.classes.names(), 20));
            if known.is_empty() && !strange.is_empty() {
                return Err(Error::content(format!(
                    "{file}: label column {label}: no row is of a class known, but {names}"
                ))
                .with_hint(format!("known: {all}")));
            }
            if !strange.is_empty() {
                let rows = counted(strange.len(), "row", "rows");
                warning = Some(Warning {
                    code: "unknown-class",
                    message: format!(
                        "{file}: {rows} left out, of classes that are not known in column {label}: {names}"
                    ),
                    hint: Some(format!("known: {all}")),
                });
            }
            loaded.kept = known;
        }
        let mut encoded = self.encode_loaded(table, &loaded)?;
        encoded.warnings.extend(warning);
        Ok(encoded)
    }

    /// Reads the columns that the encoder was fitted on.
    fn load(&self, table: &Table) -> Result<Loaded, Error> {
        let mut wanted = Vec::with_capacity(self.features.len());
        for (name, coding) in self.features.iter().zip(&self.codings) {
            wanted.push((table.position(name)?, coding.kind()));
        }
        let label = self.label.as_ref().map(|name| table.position(name)).transpose()?;
        // A table of class names (the centroids of a binned label) has text where the fitted one has numbers.
        let kind = |index: usize| match (&self.classes, &table.columns()[index].kind) {
            (Classes::Bins(..), Kind::Text) => Kind::Text,
            _ => self.classes.kind(),
        };
        load(table, &wanted, label.map(|index| (index, kind(index))), self.missing)
    }

    fn encode_loaded(&self, table: &Table, loaded: &Loaded) -> Result<Encoded, Error> {
        let dimensions = self.dimensions();
        let rows = loaded.kept.len();
        let mut warnings = self.warnings.clone();
        let features = if self.single {
            let features = self.fill(table, loaded, f64::from(f32::MAX), |x| x as f32)?;
            let wide =
                loaded.indices.iter().zip(&self.codings).find(|&(&index, coding)| {
                    matches!(coding, Coding::Number { .. }) && table.is_narrow(index).is_none()
                });
            if let Some((&index, _)) = wide {
                let name = shown(&table.columns()[index].name);
                warnings.push(Warning {
                    code: "rounded",
                    message: format!(
                        "{}: column {name} is rounded to 32 bits, as it had when the encoding was fitted",
                        table.name()
                    ),
                    hint: None,
                });
            }
            Features::F32(features)
        } else {
            Features::F64(self.fill(table, loaded, f64::MAX, |x| x)?)
        };
        let classes = match &loaded.label {
            None => vec![0; rows],
            Some((index, column)) => {
                let at = Context { table, column: &table.columns()[*index].name, index: *index };
                self.classes.encode(&at, column, &loaded.kept)?
            }
        };
        let kept = (rows < table.rows()).then(|| loaded.kept.iter().map(|&row| RowId(row)).collect());
        if loaded.holed > 0 {
            let (left_out, all) = (loaded.holed, counted(table.rows(), "row", "rows"));
            warnings.push(Warning {
                code: "rows-dropped",
                message: format!("{}: {left_out} of {all} left out for missing values", table.name()),
                hint: Some("--missing mean keeps them and fills what is missing".to_owned()),
            });
        }
        if self.missing == Missing::Mean {
            let holes: Vec<usize> =
                loaded.columns.iter().map(Column::missing_count).filter(|&count| count > 0).collect();
            if !holes.is_empty() {
                let (values, columns) = (
                    counted(holes.iter().sum(), "missing value", "missing values"),
                    counted(holes.len(), "column", "columns"),
                );
                warnings.push(Warning {
                    code: "values-filled",
                    message: format!(
                        "{}: {values} in {columns} filled with means and most frequent values",
                        table.name()
                    ),
                    hint: Some("--missing drop leaves those rows out".to_owned()),
                });
            }
        }
        let class_names = self.classes.names();
        Ok(Encoded { features, rows, dimensions, classes, class_names, kept, warnings })
    }

    /// The matrix, in blocks of rows so that a block stays in cache while the columns go over it.
    /// No value is above `limit`.
    fn fill<T: Copy + Default>(
        &self,
        table: &Table,
        loaded: &Loaded,
        limit: f64,
        cast: impl Fn(f64) -> T,
    ) -> Result<Vec<T>, Error> {
        const BLOCK: usize = 256;
        let dimensions = self.dimensions();
        let (rows, size) = (loaded.kept.len(), size_of::<T>());
        let mut out = Vec::new();
        let cells =
            rows.checked_mul(dimensions).filter(|&cells| out.try_reserve_exact(cells).is_ok()).ok_or_else(|| {
                let name = table.name();
                Error::content(format!(
                    "{name}: {rows} rows of {dimensions} dimensions of {size} bytes do not fit in memory"
                ))
                .with_hint("--exclude text columns with many categories, or reduce the table in parts")
            })?;
        out.resize(cells, T::default());
        let (zero, one) = (cast(0.0), cast(1.0));
        for (block, rows) in loaded.kept.chunks(BLOCK).enumerate() {
            let out = &mut out[block * BLOCK * dimensions..][..rows.len() * dimensions];
            let mut offset = 0;
            for (i, (coding, column)) in self.codings.iter().zip(&loaded.columns).enumerate() {
                let at = Context { table, column: &self.features[i], index: loaded.indices[i] };
                let cells = rows.iter().map(|&row| row as usize).zip(out.chunks_exact_mut(dimensions));
                match (coding, &column.values) {
                    (Coding::Number { scaling, fill }, Values::Number(v)) => {
                        for (row, out) in cells {
                            let x = if v[row].is_nan() { *fill } else { v[row] };
                            out[offset] = cast(finite(&at, column, row, scaling.apply(x), x, limit)?);
                        }
                    }
                    (Coding::Number { scaling, fill }, Values::Number32(v)) => {
                        for (row, out) in cells {
                            let x = if v[row].is_nan() { *fill } else { f64::from(v[row]) };
                            out[offset] = cast(finite(&at, column, row, scaling.apply(x), x, limit)?);
                        }
                    }
                    (Coding::Boolean { fill }, Values::Boolean(v)) => {
                        for (row, out) in cells {
                            let x = if column.is_missing(row) { *fill } else { v[row] };
                            out[offset] = if x { one } else { zero };
                        }
                    }
                    (Coding::Categories { names, fill }, Values::Text(v)) => {
                        for (row, out) in cells {
                            let category = if column.is_missing(row) {
                                *fill
                            } else {
                                names
                                    .binary_search_by(|name| name.as_str().cmp(v.get(row)))
                                    .map_err(|_| unseen(&at, column, row, names))?
                            };
                            out[offset + category] = one;
                        }
                    }
                    (coding, _) => {
                        let (file, name, kind) = (table.name(), shown(at.column), coding.kind());
                        return Err(Error::content(format!(
                            "{file}: column {name} holds {}, not {kind}",
                            column.kind()
                        )));
                    }
                }
                offset += coding.width();
            }
        }
        Ok(out)
    }

    /// Points of the encoded space (row-major, `n × dimensions`) in the units of the source columns, column by column.
    ///
    /// # Errors
    /// A length that is no multiple of the dimensions, or a feature that is no number: a point between two rows has no
    /// value there.
    pub fn decode(&self, points: &[f64]) -> Result<Vec<(String, Vec<f64>)>, Error> {
        let dimensions = self.dimensions();
        if !points.len().is_multiple_of(dimensions) {
            let len = points.len();
            return Err(Error::request(format!(
                "{len} values are no whole number of points of {dimensions} dimensions"
            )));
        }
        let mut decoded = Vec::with_capacity(self.features.len());
        for (index, (name, coding)) in self.features.iter().zip(&self.codings).enumerate() {
            let Coding::Number { scaling, .. } = coding else {
                let (name, kind) = (shown(name), coding.kind());
                return Err(Error::request(format!(
                    "column {name} holds {kind}: a point between rows, such as a centroid, has no value there"
                ))
                .with_hint(format!("use the nearest real rows, or --exclude {name}")));
            };
            // All features are numbers up to here, so the feature is the dimension.
            let values = points.chunks_exact(dimensions).map(|point| scaling.undo(point[index])).collect();
            decoded.push((name.clone(), values));
        }
        Ok(decoded)
    }

    /// The feature columns, in the order of the encoding.
    pub fn feature_columns(&self) -> &[String] {
        &self.features
    }

    /// A name for every dimension: the column, or `column=category`.
    pub fn dimension_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.dimensions());
        for (column, coding) in self.features.iter().zip(&self.codings) {
            match coding {
                Coding::Categories { names: categories, .. } => {
                    names.extend(categories.iter().map(|category| format!("{column}={category}")));
                }
                _ => names.push(column.clone()),
            }
        }
        names
    }

    /// The label column.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The class names, in code order.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.names()
    }

    /// Length of an encoded row.
    pub fn dimensions(&self) -> usize {
        self.codings.iter().map(Coding::width).sum()
    }

    /// Feature columns with one value in every row of the table the encoder was fitted on.
    pub fn constant_columns(&self) -> Vec<String> {
        self.constant.clone()
    }

    /// What was worth knowing about the table the encoder was fitted on.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// The positions of the feature columns.
fn choose(table: &Table, options: &EncodeOptions, warnings: &mut Vec<Warning>) -> Result<Vec<usize>, Error> {
    let file = table.name();
    let label = options.label.as_deref().map(|name| table.position(name)).transpose()?;
    let id = options.id.as_deref().map(|name| table.position(name)).transpose()?;
    if let (Some(label), true) = (label, label == id) {
        let name = shown(&table.columns()[label].name);
        return Err(Error::request(format!("{file}: column {name} cannot be both label and id")));
    }
    let mut excluded = vec![false; table.columns().len()];
    for name in &options.exclude {
        table.positions(name)?.for_each(|index| excluded[index] = true);
    }
    let mut chosen = Vec::new();
    let mut skipped = Vec::new();
    match &options.features {
        Some(features) => {
            for index in
                features.iter().map(|name| table.positions(name)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten()
            {
                let column = &table.columns()[index];
                let name = shown(&column.name);
                if Some(index) == label || Some(index) == id {
                    let role = if Some(index) == label { "label" } else { "id" };
                    return Err(Error::request(format!("{file}: column {name} is the {role} and cannot be a feature"))
                        .with_hint("leave it out of --features"));
                }
                if chosen.contains(&index) {
                    return Err(Error::request(format!("{file}: column {name} is listed twice as a feature")));
                }
                if let (Kind::Other(what), false) = (&column.kind, excluded[index]) {
                    return Err(Error::request(format!("{file}: column {name} ({what}) cannot be a feature"))
                        .with_hint("make it a number first, or leave it out of --features"));
                }
                if !excluded[index] {
                    chosen.push(index);
                }
            }
        }
        None => {
            for (index, column) in table.columns().iter().enumerate() {
                if excluded[index] || Some(index) == label || Some(index) == id {
                    continue;
                }
                if let Kind::Other(what) = &column.kind {
                    skipped.push(format!("{} ({what})", shown(&column.name)));
                } else {
                    chosen.push(index);
                }
            }
        }
    }
    for column in skipped {
        warnings.push(Warning {
            code: "skipped-column",
            message: format!("column {column} is carried along but not used for distances"),
            hint: None,
        });
    }
    for &index in chosen.iter().filter(|index| table.unnamed.contains(index)) {
        let name = &table.columns()[index].name;
        warnings.push(Warning {
            code: "unnamed-column",
            message: format!("column {} has no name in the header and is used for distances as '{name}'", index + 1),
            hint: Some(format!("if it is an index, as pandas writes: --exclude {name}")),
        });
    }
    if chosen.is_empty() {
        return Err(Error::request(format!("{file}: no column is left to be a feature"))
            .with_hint("distances need at least one column of numbers, true/false or text beside label and id"));
    }
    Ok(chosen)
}

/// Reads the columns and decides which rows take part.
fn load(
    table: &Table,
    wanted: &[(usize, Kind)],
    label: Option<(usize, Kind)>,
    missing: Missing,
) -> Result<Loaded, Error> {
    let mut all = wanted.to_vec();
    all.extend(label.clone());
    let mut columns = table.read_columns(&all)?;
    let label = label.and_then(|(index, _)| columns.pop().map(|column| (index, column)));
    let indices: Vec<usize> = wanted.iter().map(|(index, _)| *index).collect();
    let count = u32::try_from(table.rows()).unwrap_or(u32::MAX);
    let mut loaded = Loaded { indices, columns, label, kept: Vec::new(), holed: 0 };
    match missing {
        Missing::Drop => {
            let flags: Vec<&Vec<bool>> = loaded
                .columns
                .iter()
                .chain(loaded.label.iter().map(|(_, column)| column))
                .filter_map(|column| column.missing.as_ref())
                .collect();
            loaded.kept = (0..count).filter(|&row| !flags.iter().any(|flags| flags[row as usize])).collect();
            loaded.holed = table.rows() - loaded.kept.len();
            if loaded.kept.is_empty() {
                return Err(Error::content(format!(
                    "{}: every row has a missing value, so none is left",
                    table.name()
                ))
                .with_hint(format!("--exclude the emptiest columns: {}", holes(table, &loaded).join(", "))));
            }
        }
        Missing::Refuse | Missing::Mean => {
            refuse_missing_label(table, &loaded)?;
            if missing == Missing::Refuse {
                refuse_missing(table, &loaded)?;
            }
            loaded.kept = (0..count).collect();
        }
    }
    Ok(loaded)
}

/// Features with missing values and how many, the emptiest first, ten at most.
fn holes(table: &Table, loaded: &Loaded) -> Vec<String> {
    let mut holes: Vec<(usize, usize)> =
        loaded.indices.iter().zip(&loaded.columns).map(|(&index, column)| (column.missing_count(), index)).collect();
    holes.retain(|(count, _)| *count > 0);
    holes.sort_by_key(|&(count, index)| (std::cmp::Reverse(count), index));
    let more = holes.len().saturating_sub(10);
    let mut text: Vec<String> = holes
        .iter()
        .take(10)
        .map(|&(count, index)| format!("{} ({count})", shown(&table.columns()[index].name)))
        .collect();
    if more > 0 {
        text.push(format!("{more} more"));
    }
    text
}

fn refuse_missing(table: &Table, loaded: &Loaded) -> Result<(), Error> {
    let first = |column: &Column| column.missing.as_ref().and_then(|flags| flags.iter().position(|&flag| flag));
    let first =
        loaded.columns.iter().zip(&loaded.indices).filter_map(|(column, &index)| Some((first(column)?, index))).min();
    let Some((row, index)) = first else { return Ok(()) };
    let columns =
        counted(loaded.columns.iter().filter(|column| column.missing_count() > 0).count(), "column", "columns");
    let (file, place, name) = (table.name(), table.source.place(row), shown(&table.columns()[index].name));
    let holes = holes(table, loaded).join(", ");
    Err(Error::content(format!("{file}: missing values in {columns}: {holes}; the first is in {place}, column {name}"))
        .with_hint("--missing mean fills them, --missing drop leaves those rows out"))
}

fn refuse_missing_label(table: &Table, loaded: &Loaded) -> Result<(), Error> {
    let Some((index, column)) = &loaded.label else { return Ok(()) };
    let Some(row) = column.missing.as_ref().and_then(|flags| flags.iter().position(|&flag| flag)) else {
        return Ok(());
    };
    let rows = counted(column.missing_count(), "row", "rows");
    let (file, place, name) = (table.name(), table.source.place(row), shown(&table.columns()[*index].name));
    Err(Error::content(format!("{file}: label column {name} is missing in {rows}, the first is {place}"))
        .with_hint("--missing drop leaves those rows out"))
}
