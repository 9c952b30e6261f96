//! From columns to a matrix of floats: which columns, what becomes of words and of missing values, and which scale.
//!
//! An [`Encoder`] is fitted on one table and applies the same encoding to any table with those columns, so that a
//! reduced table is measured with the ruler of the full one.
//!
//! - Numbers and integers are scaled (`scaler.rs`).
//! - Lists of numbers are a block of dimensions, one per position. Where they are the only features nothing is scaled:
//!   an embedding has one unit.
//! - Integers that 64-bit floats cannot tell apart are subtracted from as integers, or refused.
//! - Booleans are 0 and 1. Texts are one-hot: a 0/1 dimension per category, categories sorted by their bytes.
//!   Neither is scaled.
//! - A column that does not vary keeps its value (scale 1) and is named in a warning.

mod column_checks;
mod column_ref;
mod columns;
mod decode;
mod encoded;
mod feature;
mod id_columns;
mod impute;
mod label;
mod look_alike;
mod matrix;
mod names;
mod reading;

pub use column_checks::MAX_CATEGORIES;
pub use encoded::{Encoded, Features};

use std::collections::{BTreeSet, HashSet};

use column_ref::ColumnRef;
use columns::{
    Chosen, Feature, FeatureValues, Loaded, choose, dates_skipped, label_is_categorical, nothing_left, read,
};
use feature::{FeatureEncoding, FitRows};
use label::{LabelEncoder, LabelOptions};
use leanset_problem::{setting, text};
use leanset_spec::{Columns, Missing, Scale};
use rayon::prelude::*;
use reading::{Found, Reading};

use crate::column::{Column, Kind, Values};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::row::FileRow;
use crate::source::ExactIn32Bits;
use crate::table::Table;

/// The scale: as asked; where nobody says, numbers to [0, 1], and lists, whose numbers share a unit, not at all.
fn scale_of(table: &Table, features: &[usize], options: &Columns) -> Result<Scale, Error> {
    let is_list = |&&index: &&usize| matches!(table.columns()[index].kind, Kind::List(_));
    match (options.scale, features.iter().find(is_list), features.iter().find(|index| !is_list(index))) {
        (Some(scale), ..) => Ok(scale),
        (None, None, _) => Ok(Scale::MinMax),
        (None, Some(_), None) => Ok(Scale::None),
        (None, Some(&list), Some(&other)) => {
            let [list, other] = [list, other].map(|index| shown(&table.columns()[index].name));
            Err(Error::request(text![
                format!("{}: the features {list} and {other} need one ", table.name()),
                &setting::SCALE,
                ": lists are not scaled by default, other numbers are"
            ])
            .with_hint(text![
                setting::SCALE.to(Scale::None),
                " takes all as they are, ",
                setting::SCALE.to(Scale::Standard),
                " gives every dimension the same weight"
            ]))
        }
    }
}

/// Whether values are numbers, and not 0 or 1 for a category.
fn is_numeric(encoding: &FeatureEncoding) -> bool {
    !matches!(encoding, FeatureEncoding::Boolean { .. } | FeatureEncoding::OneHot { .. })
}

/// An encoding fitted on one table: which columns, how they become numbers, and the class names.
#[derive(Clone, Debug)]
pub struct Encoder {
    features: Vec<String>,
    encodings: Vec<FeatureEncoding>,
    /// How the values of each feature are read.
    readings: Vec<Reading>,
    label: Option<String>,
    classes: LabelEncoder,
    /// How the values of the label are read.
    label_reading: Reading,
    /// Whether the classes are numbers of which nobody said that they are names.
    numeric_label: bool,
    /// Whether each class is a date, and the user did not say that they are names.
    date_label: bool,
    missing: Missing,
    scale: Scale,
    /// Every value is exact in 32 bits.
    single: bool,
    constant: Vec<String>,
    warnings: Vec<Warning>,
}

impl Encoder {
    /// Chooses the columns and learns categories, scales and classes from the rows of `table`.
    ///
    /// # Errors
    /// A column that does not exist or cannot be a feature or label; missing values that are refused; infinite values;
    /// ranges beyond what 64-bit floats can scale.
    pub fn fit(table: &Table, options: &Columns) -> Result<Encoder, Error> {
        Self::fit_loaded(table, options, None).map(|(encoder, _)| encoder)
    }

    /// [`Encoder::fit`] that learns scales, means and most frequent values from some rows of the table alone, as a
    /// training set's encoding must. Which categories and classes there are is that of the whole table: a row outside
    /// may hold one that those rows lack, and it changes nothing about the others.
    ///
    /// # Errors
    /// As [`Encoder::fit`]; a column without a value in these rows.
    pub fn fit_on(table: &Table, options: &Columns, rows: &[FileRow]) -> Result<Encoder, Error> {
        Self::fit_loaded(table, options, Some(rows)).map(|(encoder, _)| encoder)
    }

    /// [`Encoder::fit`] and [`Encoder::encode`] of the same table, reading its columns once.
    ///
    /// # Errors
    /// As [`Encoder::fit`].
    pub fn fit_encode(table: &Table, options: &Columns) -> Result<(Encoder, Encoded), Error> {
        let (encoder, mut loaded) = Self::fit_loaded(table, options, None)?;
        if let Some((_, column)) = &mut loaded.label
            && column.kind() != encoder.classes.kind()
        {
            *column = std::mem::replace(column, Column::from(Vec::<bool>::new())).into_kind(&encoder.classes.kind());
        }
        let encoded = encoder.encode_loaded(table, loaded)?;
        Ok((encoder, encoded))
    }

    fn fit_loaded(table: &Table, options: &Columns, rows: Option<&[FileRow]>) -> Result<(Encoder, Loaded), Error> {
        let mut warnings = table.warnings.clone();
        let chosen = choose(table, options, &mut warnings)?;
        let indices: Vec<usize> = chosen.iter().map(|chosen| chosen.index).collect();
        let scale = scale_of(table, &indices, options)?;
        let wanted: Vec<(usize, Kind)> = chosen
            .iter()
            .map(|&Chosen { index, categorical, .. }| (index, reading::kind_wanted(table, index, categorical, options)))
            .collect();
        let label = match &options.label {
            None if options.bins.is_some() => {
                let message = text![&setting::BINS, " cuts a label into classes, and there is no label"];
                return Err(Error::request(message).with_hint(text!["add ", &setting::LABEL]));
            }
            None => None,
            Some(name) => Some(table.position(name)?),
        };
        let label_options = match label {
            None => LabelOptions::default(),
            Some(index) => LabelOptions {
                bins: options.bins,
                categorical: label_is_categorical(table, options, index)?,
                decimal: options.decimal,
            },
        };
        let label_kind = label.map(|index| (index, label_options.kind_wanted(table, index)));
        let (features, mut label) = read(table, &wanted, label_kind)?;
        let (features, readings) = read_texts(table, &chosen, features, options, &mut warnings)?;
        let mut label_reading = Reading::Typed;
        if let Some((index, column)) = &mut label {
            let of = ColumnRef::new(table, *index);
            label_reading = label_options.reading(&of, column);
            *column = label_reading.apply(&of, std::mem::take(column))?;
        }
        let loaded = Loaded::new(table, features, label, options.missing)?;
        let fitted: Option<Vec<FileRow>> = rows.map(|rows| {
            let chosen: HashSet<FileRow> = rows.iter().copied().collect();
            loaded.kept.iter().copied().filter(|row| chosen.contains(row)).collect()
        });

        let fit_rows = FitRows { kept: &loaded.kept, fitted: fitted.as_deref().unwrap_or(&loaded.kept) };
        let mut encodings = Vec::with_capacity(loaded.features.len());
        let mut constant = Vec::new();
        let by_default = options.features.is_none() && indices.len() > 1;
        let fit = |feature: &Feature| {
            let (of, column, mut own) = (ColumnRef::new(table, feature.index), feature.column(table)?, Vec::new());
            let fit = FeatureEncoding::fit(&of, &column, fit_rows, scale, &mut own)?;
            own.extend(id_columns::warn_of_days(&of, &column));
            own.extend(by_default.then(|| id_columns::warn_of_id(&of, &column)).flatten());
            Ok::<_, Error>((fit, own))
        };
        // Texts are sorted, which takes memory: one column after another.
        let is_text = |feature: &Feature| feature.held().is_some_and(|column| column.kind() == Kind::Text);
        let fits: Vec<_> = loaded.features.par_iter().map(|one| (!is_text(one)).then(|| fit(one))).collect();
        for (feature, fitted) in loaded.features.iter().zip(fits) {
            let ((encoding, varies), own) = fitted.unwrap_or_else(|| fit(feature))?;
            warnings.extend(own);
            encodings.push(encoding);
            if !varies {
                constant.push(table.columns()[feature.index].name.clone());
            }
        }
        if !constant.is_empty() {
            let (which, verb) = if constant.len() == 1 { ("column", "has") } else { ("columns", "have") };
            let names = listed(&constant, 10);
            let message = format!("{which} {names} {verb} one value in all rows: no effect on distances");
            warnings.push(Warning::new("constant-column", message));
        }
        let classes = match &loaded.label {
            None => LabelEncoder::All,
            Some((index, column)) => {
                let of = ColumnRef::new(table, *index);
                LabelEncoder::fit(&of, column, &loaded.kept, label_options, &mut warnings)?
            }
        };
        let numeric_label = !label_options.categorical && classes.are_numbers();
        let date_label = !label_options.categorical && loaded.label.is_some() && classes.are_dates();
        let indices: Vec<usize> = loaded.features.iter().map(|feature| feature.index).collect();
        let exact: Vec<Option<ExactIn32Bits>> = indices.iter().map(|&index| table.exact_in_32_bits(index)).collect();
        let single = scale == Scale::None
            && exact.contains(&Some(ExactIn32Bits::Float))
            && encodings.iter().zip(&exact).all(|(encoding, exact)| !is_numeric(encoding) || exact.is_some())
            && !(options.missing == Missing::Mean && loaded.held().any(|column| column.missing.is_some()));
        let encoder = Encoder {
            features: indices.iter().map(|&index| table.columns()[index].name.clone()).collect(),
            encodings,
            readings,
            label: options.label.clone(),
            classes,
            label_reading,
            numeric_label,
            date_label,
            missing: options.missing,
            scale,
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
        self.encode_loaded(table, self.load(table)?)
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
            let of = ColumnRef::new(table, *index);
            let (known, strange): (Vec<FileRow>, Vec<FileRow>) =
                loaded.kept.iter().partition(|&&row| self.classes.knows(column, row));
            let names: BTreeSet<String> = strange.iter().map(|row| column.text(row.index()).into_owned()).collect();
            let names = listed(&names.into_iter().collect::<Vec<_>>(), 20);
            let (file, label, all) = (table.name(), shown(of.name), listed(&self.classes.names(), 20));
            if known.is_empty() && !strange.is_empty() {
                return Err(Error::content(format!(
                    "{file}: label column {label}: no row is of a class known, but {names}"
                ))
                .with_hint(format!("known: {all}")));
            }
            if !strange.is_empty() {
                let rows = counted(strange.len(), "row", "rows");
                let message =
                    format!("{file}: {rows} left out, of classes that are not known in column {label}: {names}");
                warning = Some(Warning::new("unknown-class", message).hint(format!("known: {all}")));
            }
            loaded.kept = known;
        }
        let mut encoded = self.encode_loaded(table, loaded)?;
        encoded.warnings.extend(warning);
        Ok(encoded)
    }

    /// Reads the columns that the encoder was fitted on.
    fn load(&self, table: &Table) -> Result<Loaded, Error> {
        let mut wanted = Vec::with_capacity(self.features.len());
        for ((name, encoding), reading) in self.features.iter().zip(&self.encodings).zip(&self.readings) {
            let index = table.position(name)?;
            // Integers stay integers: a float may not hold them.
            let kind = match (encoding.kind(), &table.columns()[index].kind) {
                (Kind::Number, Kind::Integer) if *reading == Reading::Typed => Kind::Integer,
                (kind, _) => reading.kind_wanted(table, index, kind),
            };
            wanted.push((index, kind));
        }
        let label = self.label.as_ref().map(|name| table.position(name)).transpose()?;
        // A table of class names (the centroids of a binned label) has text where the fitted one has numbers.
        let kind = |index: usize| match (&self.classes, &table.columns()[index].kind) {
            (LabelEncoder::Bins(..), Kind::Text) => Kind::Text,
            (LabelEncoder::Bins(..), _) => self.label_reading.kind_wanted(table, index, Kind::Number),
            _ => self.classes.kind(),
        };
        let (features, mut label) = read(table, &wanted, label.map(|index| (index, kind(index))))?;
        let read = |(feature, reading): (Feature, &Reading)| match feature.values {
            FeatureValues::InFile(_) => Ok(feature),
            FeatureValues::Held(column) => {
                let column = reading.apply(&ColumnRef::new(table, feature.index), column)?;
                Ok(Feature { values: FeatureValues::Held(column), ..feature })
            }
        };
        let features = features.into_iter().zip(&self.readings).map(read).collect::<Result<Vec<_>, Error>>()?;
        let of = |index| ColumnRef::new(table, index);
        if let Some((index, column)) = &mut label
            && let Ok(numbers) = self.label_reading.apply(&of(*index), column.clone())
        {
            *column = numbers;
        }
        Loaded::new(table, features, label, self.missing)
    }

    fn encode_loaded(&self, table: &Table, mut loaded: Loaded) -> Result<Encoded, Error> {
        let dimensions = self.dimensions();
        let rows = loaded.kept.len();
        let mut warnings = self.warnings.clone();
        // Where they are numbers already, the label takes twice what its classes do: it goes before the matrix comes.
        let classes = match loaded.label.take() {
            None => Ok(vec![0; rows]),
            Some((index, column)) => self.classes.encode(&ColumnRef::new(table, index), &column, &loaded.kept),
        };
        if self.single {
            let mut features = loaded.features.iter().zip(&self.encodings);
            let wide = features
                .find(|(feature, encoding)| is_numeric(encoding) && table.exact_in_32_bits(feature.index).is_none());
            if let Some((feature, _)) = wide {
                let (file, name) = (table.name(), shown(&table.columns()[feature.index].name));
                let message =
                    format!("{file}: column {name} is rounded to 32 bits, as it had when the encoding was fitted");
                warnings.push(Warning::new("rounded", message));
            }
        }
        match self.missing {
            Missing::Drop => warnings.extend(impute::dropped(table, loaded.dropped)),
            Missing::Mean => warnings.extend(impute::filled(table, loaded.held())),
            Missing::Refuse => {}
        }
        let features = if self.single {
            let features = matrix::fill(table, &self.encodings, &mut loaded)?;
            Features::F32(features)
        } else {
            let mut features = matrix::fill(table, &self.encodings, &mut loaded)?;
            if self.scale == Scale::Unit {
                matrix::scale_to_unit_length(table, &loaded, dimensions, &mut features)?;
            }
            Features::F64(features)
        };
        let classes = classes?;
        let kept = (rows < table.rows()).then_some(loaded.kept);
        let class_names = self.classes.names();
        Ok(Encoded { features, rows, dimensions, classes, class_names, kept, warnings })
    }

    /// Points of the encoded space (row-major, `n × dimensions`) in the units of the source columns, column by column.
    ///
    /// # Errors
    /// A length that is no multiple of the dimensions; a feature that is neither a number nor a list of numbers, because a
    /// point between two rows has no value there; rows that were scaled to unit length.
    pub fn decode(&self, points: &[f64]) -> Result<Vec<(String, Column)>, Error> {
        if let Some((name, _)) = self.features.iter().zip(&self.readings).find(|(_, r)| matches!(r, Reading::Days(_))) {
            return Err(Error::request(format!(
                "column {} holds dates: a point between rows, such as a centroid, has no value there",
                shown(name)
            ))
            .with_hint(text!["use the nearest real rows, or ", setting::EXCLUDE.to(name)]));
        }
        let columns = decode::decode(&self.features, &self.encodings, self.scale, points)?;
        // Numbers in text are spelled as their column spells them: with its decimal mark.
        let spelled = |((name, column), reading): ((String, Column), &Reading)| match (reading, &column.values) {
            (Reading::Numbers(notation), Values::Number(values)) if !notation.is_plain() => {
                let texts = values.iter().map(|&value| notation.spell(value)).collect::<crate::column::Texts>();
                (name, texts.into())
            }
            _ => (name, column),
        };
        Ok(columns.into_iter().zip(&self.readings).map(spelled).collect())
    }

    /// How numbers are scaled: as asked, or by what the columns are.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The feature columns, in the order of the encoding.
    pub fn feature_columns(&self) -> &[String] {
        &self.features
    }

    /// A name for every dimension: the column, `column=category`, or `column[position]`.
    pub fn dimension_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.dimensions());
        for (column, encoding) in self.features.iter().zip(&self.encodings) {
            match encoding {
                FeatureEncoding::OneHot { categories, .. } => {
                    names.extend(categories.iter().map(|category| format!("{column}={category}")));
                }
                FeatureEncoding::List { length, .. } => {
                    names.extend((0..*length).map(|position| format!("{column}[{position}]")));
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

    /// Whether the classes are numbers, as they stand in the table, of which nobody said that they are names.
    pub fn has_numeric_label(&self) -> bool {
        self.numeric_label
    }

    /// Whether each class of the label is a date, which may rather be a measurement.
    pub fn has_date_label(&self) -> bool {
        self.date_label
    }

    /// The class names, in code order.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.names()
    }

    /// Length of an encoded row.
    pub fn dimensions(&self) -> usize {
        self.encodings.iter().map(FeatureEncoding::width).sum()
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

/// Finds out what the texts of features are: numbers become numbers, and dates that nobody named are left out.
fn read_texts(
    table: &Table,
    chosen: &[Chosen],
    features: Vec<Feature>,
    options: &Columns,
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<Feature>, Vec<Reading>), Error> {
    let (mut kept, mut readings) = (Vec::with_capacity(features.len()), Vec::with_capacity(features.len()));
    for (&Chosen { index, named, categorical }, feature) in chosen.iter().zip(features) {
        let of = ColumnRef::new(table, index);
        let found = match feature.held() {
            Some(column @ Column { values: Values::Text(texts), .. }) if !categorical => {
                reading::find(&of, column, texts, options.decimal, named, warnings)?
            }
            _ => Found::Words,
        };
        match (found, feature.values) {
            // What stays in the file is no text.
            (Found::Words, values) | (_, values @ FeatureValues::InFile(_)) => {
                kept.push(Feature { index, values });
                readings.push(Reading::Typed);
            }
            (Found::Read(reading), FeatureValues::Held(column)) => {
                let values = FeatureValues::Held(reading.apply(&of, column)?);
                kept.push(Feature { index, values });
                readings.push(reading);
            }
            (Found::Dates, FeatureValues::Held(_)) => warnings.push(dates_skipped(of.name)),
        }
    }
    if kept.is_empty() {
        return Err(nothing_left(table));
    }
    Ok((kept, readings))
}
