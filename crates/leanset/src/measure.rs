//! How representative a reduced table is, or every prefix of a ranking: ε, and persistence diagrams.

use std::path::{Path, PathBuf};

use leanset_core::distance::Metric;
use leanset_core::metrics::{self, ClassPersistence, Epsilon, Persistence, PersistenceOptions, Sampled};
use leanset_core::{Allocation, Budget, Classes, Dataset, EmptyClasses, Reduced, Scope, Selection};
use leanset_problem::{Problem, Result, Text, setting, text};
use leanset_spec::{Columns, TablePaths, number};
use leanset_tables::{FileRow, Table, format_of_path};
use serde_json::{Value, json};

use crate::context::Context;
use crate::memory;
use crate::table::files::Files;
use crate::table::input::Input;
use crate::table::ranking;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The files of the full table.
    pub full: TablePaths,
    /// Which of its columns take part, and how.
    pub columns: Columns,
    /// What it is compared with.
    pub against: Against,
    /// The metric of ε.
    pub metric: Metric,
    /// How persistence diagrams are compared, if they are.
    pub persistence: Option<PersistenceOptions>,
}

/// What the full table is compared with.
#[derive(Clone, Debug)]
pub enum Against {
    /// A reduced table: rows with the columns of the full one, or row ids.
    Table(PathBuf),
    /// The prefixes of a ranking at these ratios.
    Ranking {
        /// The ranking.
        file: PathBuf,
        /// Where it is cut.
        ratios: Vec<f64>,
    },
}

/// What was measured.
pub struct Measurement {
    /// What was asked.
    pub request: Measure,
    /// The full table.
    pub input: Input,
    /// One reduced table, or each prefix of a ranking.
    pub points: Vec<Point>,
    /// How the ranking orders rows; nothing for a reduced table.
    pub scope: Option<Scope>,
    threads: usize,
}

/// ε at one reduction.
#[derive(Clone, Debug)]
pub struct Point {
    /// The ratio at which a ranking was cut.
    pub ratio: Option<f64>,
    /// Rows or points kept.
    pub kept: usize,
    /// ε.
    pub epsilon: Epsilon,
    /// The persistence diagrams, if they are compared.
    pub persistence: Option<Persistence>,
}

/// Measures.
///
/// # Errors
/// A file cannot be read or does not fit; the predicted memory is above the limit.
pub fn measure(request: &Measure, context: &Context<'_>) -> Result<Measurement> {
    let files = Files::find(&request.full, &request.columns, context)?;
    files.check_limit(context.limit())?;
    let input = Input::read_files(&files, &request.columns, context)?;
    let data = input.dataset()?;
    let shape = data.shape();
    let predicted = |work| memory::predicted(context.threads(), || input.memory(), work);
    // What it is compared with is at least ids of rows, and is checked again when it is read.
    context.limit().check(predicted(0))?;
    if let Some(options) = &request.persistence {
        let hint = text!["raise ", &setting::MEMORY_LIMIT, ", or take fewer ", &setting::PERSISTENCE_POINTS];
        context.limit().check_or(predicted(memory::of_persistence(&shape, options)), hint)?;
    }
    input.warnings().iter().for_each(|warning| context.reporter.warn(warning));
    let job = Job { request, input: &input, data: &data, context };
    let (points, scope) = match &request.against {
        Against::Table(path) => (vec![job.table(path)?], None),
        Against::Ranking { file, ratios } => job.ranking(file, ratios).map(|(points, scope)| (points, Some(scope)))?,
    };
    drop(data);
    Ok(Measurement { request: request.clone(), input, points, scope, threads: context.threads() })
}

struct Job<'a> {
    request: &'a Measure,
    input: &'a Input,
    data: &'a Dataset<'a>,
    context: &'a Context<'a>,
}

impl Job<'_> {
    /// Whether measuring ε of so many points fits beside what is held.
    fn check_memory(&self, points: usize) -> Result<()> {
        let work = memory::of_epsilon(&self.data.shape(), points, self.request.metric);
        self.context.limit().check(memory::predicted(self.context.threads(), || 2 * self.input.memory(), work))
    }

    /// A reduced table: rows with the columns of the full one, or row ids.
    fn table(&self, path: &Path) -> Result<Point> {
        let (columns, name) = (&self.request.columns, path.display());
        // What was said of FULL goes for rows of it; a name that tells its format, and ids, which leanset writes with
        // commas, need no saying.
        let format = columns.format.filter(|_| format_of_path(path).is_err());
        let plain = Columns { sheet: None, format, ..columns.clone() };
        let features = self.input.encoder.feature_columns();
        let has_features = |table: &Table| features.iter().all(|name| table.positions(name).is_ok());
        let files = Files::find(&path.into(), &plain, self.context)?;
        let mut reduced = if columns.no_header {
            // Rows of a table without a header have none either; ids and prototypes, which leanset names, have one.
            match files.read(&Columns { no_header: false, ..plain.clone() }, self.context) {
                Ok(table) if has_features(&table) || table.position("row").is_ok() => table,
                _ => files.read(&plain, self.context)?,
            }
        } else {
            files.read(&plain, self.context)?
        };
        if reduced.columns().len() == 1 && plain.delimiter.is_some() {
            reduced = files.read(&Columns { delimiter: None, ..plain }, self.context)?;
        }
        if !has_features(&reduced) && columns.missing_values.is_some() {
            // Ids are what they say.
            reduced = files.read(&columns.of_other_file(), self.context)?;
        }
        let missing: Vec<&String> = features.iter().filter(|c| reduced.positions(c).is_err()).collect();
        let id_column = columns.id.as_deref().filter(|id| reduced.position(id).is_ok()).unwrap_or("row");
        let (metric, monitor) = (self.request.metric, self.context.reporter.monitor());
        let (epsilon, persistence) = if missing.is_empty() {
            let encoded = self.input.encoder.encode(&reduced)?;
            let dropped = encoded.warnings.iter().filter(|w| w.code == "rows-dropped");
            dropped.for_each(|warning| self.context.reporter.warn(warning));
            let table = encoded.dataset()?;
            self.check_memory(table.rows())?;
            match &self.request.persistence {
                None => metrics::epsilon_between(self.data, &table, metric, monitor).map(|epsilon| (epsilon, None)),
                Some(options) => metrics::persistence_between(self.data, &table, metric, options, monitor).map(both),
            }
            .map_err(|error| self.input.problem(error))?
        } else if reduced.position(id_column).is_ok() {
            if reduced.position("score").is_ok() && reduced.rows() == self.data.rows() {
                return Err(Problem::new(format!("{name}: is a ranking of all rows, so nothing is reduced"))
                    .hint(text![setting::RANKING.to(&name), " ", &setting::CURVE, " measures its prefixes"]));
            }
            let named = self.input.rows_by_name(columns.id.as_deref())?;
            let rows = named.resolve(&reduced, id_column, self.input.table.name())?;
            let kept = Reduced::Rows(self.select(&rows, &reduced, path)?);
            self.check_memory(kept.len())?;
            match &self.request.persistence {
                None => metrics::epsilon(self.data, &kept, metric, monitor).map(|epsilon| (epsilon, None)),
                Some(options) => metrics::persistence(self.data, &kept, metric, options, monitor).map(both),
            }
            .map_err(|error| self.input.problem(error))?
        } else {
            return Err(Problem::new(format!(
                "{name}: has neither the feature column '{}' of {} nor a column '{id_column}' of row ids",
                missing[0],
                self.input.table.name()
            ))
            .hint("the reduced table holds rows of the full one, or ids of its rows"));
        };
        let kept = epsilon.per_class.iter().map(|c| c.kept).sum();
        Ok(Point { ratio: None, kept, epsilon, persistence })
    }

    /// Prefixes of a ranking.
    fn ranking(&self, path: &Path, ratios: &[f64]) -> Result<(Vec<Point>, Scope)> {
        let found = ranking::read(path, self.input, &self.request.columns, self.context)?;
        // All prefixes are one tree of all rows, and steps of the distance of each row.
        self.check_memory(2 * self.data.rows())?;
        let sizes = self.data.classes().sizes();
        let allocations: Vec<Allocation> = ratios
            .iter()
            .map(|&r| Ok(Budget::Ratio(r).allocate(&sizes, EmptyClasses::Forbid)?.0))
            .collect::<Result<_, leanset_core::Error>>()?;
        let too_short = |error| match error {
            error @ (leanset_core::Error::Row { .. } | leanset_core::Error::TooClose { .. }) => {
                self.input.problem(error)
            }
            error => ranking::too_short(error, path, self.data.classes()),
        };
        let (metric, monitor) = (self.request.metric, self.context.reporter.monitor());
        let measured: Vec<(Epsilon, Option<Persistence>)> = match &self.request.persistence {
            None => {
                let curve = metrics::epsilon_curve(self.data, &found, &allocations, metric, monitor);
                curve.map_err(too_short)?.into_iter().map(|epsilon| (epsilon, None)).collect()
            }
            Some(options) => metrics::persistence_curve(self.data, &found, &allocations, metric, options, monitor)
                .map_err(too_short)?
                .into_iter()
                .map(both)
                .collect(),
        };
        let point = |((&ratio, allocation), (epsilon, persistence)): ((&f64, &Allocation), _)| Point {
            ratio: Some(ratio),
            kept: allocation.total(),
            epsilon,
            persistence,
        };
        Ok((ratios.iter().zip(&allocations).zip(measured).map(point).collect(), found.scope()))
    }

    /// Rows as a selection, each once and in its class.
    fn select(&self, rows: &[FileRow], file: &Table, path: &Path) -> Result<Selection> {
        let full = self.input.table.name();
        let classes = self.data.classes();
        let mut per_class = vec![Vec::new(); classes.len()];
        let mut before = vec![None; self.input.table.rows()];
        for (at, &row) in rows.iter().enumerate() {
            if let Some(first) = before[row.index()].replace(FileRow::at(at)) {
                let (name, first, again) = (path.display(), file.place(first), file.place(FileRow::at(at)));
                return Err(Problem::new(format!("{name}: {first} and {again} name the same row of {full}"))
                    .hint("name every row once"));
            }
            let Some(row) = self.input.dataset_row(row) else {
                let (name, place) = (path.display(), file.place(FileRow::at(at)));
                return Err(Problem::new(format!(
                    "{name}: {place} names row {row}, which is left out for missing values"
                ))
                .hint(text!["use ", setting::MISSING.to("mean"), ", or reduce without that row"]));
            };
            per_class[classes.of(row).index()].push(row);
        }
        Selection::new(&per_class, None, classes)
            .map_err(|e| Problem::new(Text::from(format!("{}: {e}", path.display()))))
    }
}

/// ε and the persistence diagrams, of which it is a part.
fn both(found: Persistence) -> (Epsilon, Option<Persistence>) {
    (found.epsilon.clone(), Some(found))
}

impl Measurement {
    /// The classes of the full table.
    ///
    /// # Errors
    /// None that was not found before.
    pub fn classes(&self) -> Result<Classes> {
        Ok(self.input.dataset()?.into_classes())
    }

    /// `leanset.measure/1` or `leanset.curve/1`.
    ///
    /// # Errors
    /// None that was not found before.
    pub fn document(&self) -> Result<Value> {
        let classes = self.classes()?;
        let Measure { full, against, .. } = &self.request;
        let mut document = match against {
            Against::Table(reduced) => json!({
                "schema": "leanset.measure/1",
                "leanset": env!("CARGO_PKG_VERSION"),
                "full": full,
                "reduced": reduced,
                "scale": self.input.encoder.scale(),
                "threads": self.threads,
            }),
            Against::Ranking { file, .. } => json!({
                "schema": "leanset.curve/1",
                "leanset": env!("CARGO_PKG_VERSION"),
                "full": full,
                "ranking": file,
                "scope": if self.scope == Some(Scope::PerClass) { "class" } else { "global" },
                "scale": self.input.encoder.scale(),
                "threads": self.threads,
            }),
        };
        let point = |point: &Point| {
            let mut found = json!({ "epsilon": self.epsilon_record(&point.epsilon, &classes) });
            if let Some(persistence) = &point.persistence {
                found["persistence"] = persistence_record(persistence, &classes);
            }
            found
        };
        match against {
            Against::Table(_) => {
                let found = self.points.first().map(point).unwrap_or_default();
                for key in ["epsilon", "persistence"] {
                    if let Some(value) = found.get(key) {
                        document[key] = value.clone();
                    }
                }
            }
            Against::Ranking { .. } => {
                let points = self.points.iter().map(|at| {
                    let mut found = json!({ "ratio": at.ratio, "kept": at.kept });
                    if let (Value::Object(found), Value::Object(more)) = (&mut found, point(at)) {
                        found.extend(more);
                    }
                    found
                });
                document["points"] = points.collect();
            }
        }
        Ok(document)
    }

    fn epsilon_record(&self, epsilon: &Epsilon, classes: &Classes) -> Value {
        let per_class: Vec<_> = epsilon
            .per_class
            .iter()
            .zip(classes.ids())
            .map(|(class, id)| {
                json!({
                    "name": classes.name(id),
                    "rows": class.rows,
                    "kept": class.kept,
                    "epsilon": number(class.value),
                    "worst_row": class.worst.map(|w| self.input.file_row(w).0),
                })
            })
            .collect();
        json!({
            "metric": epsilon.metric.name(),
            "value": number(epsilon.value),
            "worst_row": epsilon.worst.map(|w| self.input.file_row(w.row).0),
            "worst_class": epsilon.worst.map(|w| classes.name(w.class)),
            "classes": per_class,
        })
    }
}

/// Persistence diagrams as in docs/json.md.
fn persistence_record(found: &Persistence, classes: &Classes) -> Value {
    let sampled = |side: &Sampled| json!({ "rows": side.rows, "points": side.points, "radius": number(side.radius) });
    let dimensions = |class: &ClassPersistence| -> Vec<Value> {
        let dimensions = class.dimensions.iter().map(|dimension| {
            let [full, reduced] = [&dimension.full, &dimension.reduced]
                .map(|bars| json!({ "finite": bars.finite, "essential": bars.essential, "longest": bars.longest }));
            json!({
                "dimension": dimension.dimension,
                "full": full,
                "reduced": reduced,
                "bottleneck": number(dimension.bottleneck),
                "holds": dimension.holds,
            })
        });
        dimensions.collect()
    };
    let per_class: Vec<_> = found
        .per_class
        .iter()
        .zip(classes.ids())
        .map(|(class, id)| {
            json!({
                "name": classes.name(id),
                "full": sampled(&class.full),
                "reduced": sampled(&class.reduced),
                "epsilon": number(class.epsilon),
                "back": number(class.back),
                "bound": number(class.bound()),
                "margin": number(class.margin()),
                "dimensions": dimensions(class),
            })
        })
        .collect();
    json!({
        "metric": found.epsilon.metric.name(),
        "dimension": found.options.dimension,
        "points": found.options.points,
        "subsampled": found.is_subsampled(),
        "holds": found.holds(),
        "classes": per_class,
    })
}
