//! `leanset measure`: ε of a reduced table, of prefixes of a ranking, or of the whole curve; and shapes compared.

use std::fmt::Write as _;
use std::path::Path;

use leanset_core::metrics::{self, Epsilon, Persistence, PersistenceOptions};
use leanset_core::{Allocation, Budget, Dataset, EmptyClasses, Reduced, Scope, Selection};
use serde_json::json;

use crate::args::MeasureArgs;
use crate::error::Failure;
use crate::input::{Input, read_table};
use crate::manifest::number;
use crate::progress::Progress;
use crate::{machine, plan, ranking, shapes, text};
use leanset_tables::{FileRow, Table};

pub(crate) fn run(args: &MeasureArgs) -> Result<String, Failure> {
    let threads = machine::use_threads(args.run.threads)?;
    let progress = Progress::new(args.run.quiet);
    // Said here, because `requires` gives way where the ranking is in conflict with REDUCED.
    if args.ranking.is_none() && (args.curve || !args.ratio.is_empty()) {
        let option = if args.curve { "--curve" } else { "--ratio" };
        return Err(Failure::new(format!("{option} is of a ranking, and none is given"))
            .hint("leanset measure FULL --ranking FILE; `leanset rank` makes one"));
    }
    if args.ranking.is_some() && !args.curve && args.ratio.is_empty() {
        return Err(
            Failure::new("a ranking is measured at ratios").hint("--curve for 1 % … 100 %, or --ratio R (repeatable)")
        );
    }
    if args.curve && args.persistence {
        return Err(Failure::new("--persistence is of one reduced table or of single ratios, not of a whole curve")
            .hint("--ratio R (repeatable) in place of --curve"));
    }
    let options = args.persistence_options();
    plan::file_within_limit(&args.full, &args.run)?;
    let input = Input::read(&args.full, &args.table, &progress)?;
    let data = input.dataset()?;
    let predicted = plan::BASE_MEMORY
        + 2 * input.memory()
        + plan::epsilon_memory(&data.shape(), data.rows()).max(input.passing_memory());
    plan::within_limit(predicted, &args.run)?;
    if let Some(options) = &options {
        plan::within_limit(predicted + plan::persistence_memory(&data.shape(), options), &args.run)
            .map_err(|error| error.hint("raise --memory-limit, or take fewer --persistence-points"))?;
    }
    input.warnings().iter().for_each(|w| text::say(&text::warning(w)));
    let mut report = Report { args, options, input: &input, data: &data, threads };
    match (&args.ranking, &args.reduced) {
        (Some(ranking), _) => report.prefixes(ranking, &progress),
        (None, Some(reduced)) => report.one(reduced, &progress),
        (None, None) => Err(Failure::new("nothing to measure").hint("give REDUCED, or --ranking")),
    }
}

/// ε and the shapes, of which it is a part.
fn both(shapes: Persistence) -> (Epsilon, Option<Persistence>) {
    (shapes.epsilon.clone(), Some(shapes))
}

struct Report<'a> {
    args: &'a MeasureArgs,
    /// How shapes are compared, if they are.
    options: Option<PersistenceOptions>,
    input: &'a Input,
    data: &'a Dataset<'a>,
    threads: usize,
}

impl Report<'_> {
    /// ε of a reduced table: rows with the columns of the full one, or row ids.
    fn one(&mut self, path: &Path, progress: &Progress) -> Result<String, Failure> {
        let (args, name) = (self.args, path.display());
        // What was said of FULL goes for rows of it; a name that tells its format, and ids, which leanset writes with
        // commas, need no saying.
        let format = args.table.format.filter(|_| leanset_tables::format_of_path(path).is_err());
        let plain = crate::args::TableArgs { sheet: None, format, ..args.table.clone() };
        let mut reduced = read_table(path, &plain, progress)?;
        if reduced.columns().len() == 1 && plain.delimiter.is_some() {
            reduced = read_table(path, &crate::args::TableArgs { delimiter: None, ..plain }, progress)?;
        }
        let missing: Vec<&String> =
            self.input.encoder.feature_columns().iter().filter(|c| reduced.positions(c).is_err()).collect();
        let id_column = args.table.id.as_deref().filter(|id| reduced.position(id).is_ok()).unwrap_or("row");
        let (epsilon, shapes) = if missing.is_empty() {
            let encoded = self.input.encoder.encode(&reduced)?;
            encoded.warnings.iter().filter(|w| w.code == "rows-dropped").for_each(|w| text::say(&text::warning(w)));
            let table = encoded.dataset()?;
            match &self.options {
                None => (metrics::epsilon_between(self.data, &table, args.metric, progress)?, None),
                Some(options) => both(metrics::persistence_between(self.data, &table, args.metric, options, progress)?),
            }
        } else if reduced.position(id_column).is_ok() {
            if reduced.position("score").is_ok() && reduced.rows() == self.data.rows() {
                return Err(Failure::new(format!("{name}: is a ranking of all rows, so nothing is reduced"))
                    .hint(format!("--ranking {name} --curve measures its prefixes")));
            }
            let named = self.input.rows_by_name(args.table.id.as_deref())?;
            let rows = named.resolve(&reduced, id_column, self.input.table.name())?;
            let kept = Reduced::Rows(self.select(&rows, &reduced, path)?);
            match &self.options {
                None => (metrics::epsilon(self.data, &kept, args.metric, progress)?, None),
                Some(options) => both(metrics::persistence(self.data, &kept, args.metric, options, progress)?),
            }
        } else {
            return Err(Failure::new(format!(
                "{name}: has neither the feature column '{}' of {} nor a column '{id_column}' of row ids",
                missing[0],
                self.input.table.name()
            ))
            .hint("REDUCED holds rows of FULL, or ids of its rows"));
        };
        if args.run.json {
            let mut document = json!({
                "schema": "leanset.measure/1",
                "leanset": env!("CARGO_PKG_VERSION"),
                "full": args.full,
                "reduced": path,
                "scale": crate::manifest::word(args.table.scale),
                "threads": self.threads,
                "epsilon": self.record(&epsilon),
            });
            if let Some(shapes) = &shapes {
                document["persistence"] = shapes::record(shapes, self.data.classes());
            }
            return Ok(format!("{document:#}\n"));
        }
        let kept: usize = epsilon.per_class.iter().map(|c| c.kept).sum();
        let mut out = format!(
            "ε = {}  ({}, {} of {} rows, {})\n",
            text::distance(epsilon.value),
            args.metric,
            text::count(kept),
            text::count(self.data.rows()),
            text::percent(kept, self.data.rows()),
        );
        out.push_str(&self.worst(&epsilon));
        if args.per_class {
            out.push('\n');
            out.push_str(&self.class_table(&epsilon));
        }
        if let Some(shapes) = &shapes {
            out.push('\n');
            out.push_str(&shapes::tell(shapes, self.data.classes()));
        }
        Ok(out)
    }

    /// ε of prefixes of a ranking.
    fn prefixes(&mut self, path: &Path, progress: &Progress) -> Result<String, Failure> {
        let args = self.args;
        let ranking = ranking::read(path, self.input, &args.table, progress)?;
        let ratios: Vec<f64> =
            if args.curve { (1..=100).map(|p| f64::from(p) / 100.0).collect() } else { args.ratio.clone() };
        let sizes = self.data.classes().sizes();
        let allocations: Vec<Allocation> = ratios
            .iter()
            .map(|&r| Ok(Budget::Ratio(r).allocate(&sizes, EmptyClasses::Forbid)?.0))
            .collect::<Result<_, Failure>>()?;
        let too_short = |error| ranking::too_short(error, path, self.data.classes());
        let (curve, shapes): (Vec<Epsilon>, Vec<Option<Persistence>>) = match &self.options {
            None => {
                let curve = metrics::epsilon_curve(self.data, &ranking, &allocations, args.metric, progress);
                curve.map_err(too_short)?.into_iter().map(|epsilon| (epsilon, None)).unzip()
            }
            Some(options) => {
                metrics::persistence_curve(self.data, &ranking, &allocations, args.metric, options, progress)
                    .map_err(too_short)?
                    .into_iter()
                    .map(both)
                    .unzip()
            }
        };
        if args.run.json {
            let points: Vec<_> = ratios
                .iter()
                .zip(&allocations)
                .zip(curve.iter().zip(&shapes))
                .map(|((ratio, allocation), (epsilon, shapes))| {
                    let mut point =
                        json!({ "ratio": ratio, "kept": allocation.total(), "epsilon": self.record(epsilon) });
                    if let Some(shapes) = shapes {
                        point["persistence"] = shapes::record(shapes, self.data.classes());
                    }
                    point
                })
                .collect();
            let document = json!({
                "schema": "leanset.curve/1",
                "leanset": env!("CARGO_PKG_VERSION"),
                "full": args.full,
                "ranking": path,
                "scope": if ranking.scope() == Scope::PerClass { "class" } else { "global" },
                "scale": crate::manifest::word(args.table.scale),
                "threads": self.threads,
                "points": points,
            });
            return Ok(format!("{document:#}\n"));
        }
        let mut header = vec!["ratio", "kept", "ε", "worst row", "class"];
        let names: Vec<String> = if args.per_class {
            self.data.classes().ids().map(|c| format!("ε {}", self.data.classes().name(c))).collect()
        } else {
            Vec::new()
        };
        header.extend(names.iter().map(String::as_str));
        let rows = ratios.iter().zip(&allocations).zip(&curve).map(|((ratio, allocation), epsilon)| {
            let worst = epsilon.worst.map(|w| (self.input.original(w.row), self.data.classes().name(w.class)));
            let lost = epsilon.per_class.iter().zip(self.data.classes().ids()).find(|(c, _)| c.value.is_infinite());
            let mut row = vec![
                format!("{ratio}"),
                text::count(allocation.total()),
                text::distance(epsilon.value),
                worst.map_or_else(|| "–".into(), |w| w.0.to_string()),
                match (worst, lost) {
                    (Some(worst), _) => worst.1.to_owned(),
                    (None, Some((_, class))) => format!("{} (lost)", self.data.classes().name(class)),
                    (None, None) => "–".into(),
                },
            ];
            if args.per_class {
                row.extend(epsilon.per_class.iter().map(|c| text::distance(c.value)));
            }
            row
        });
        let mut out = format!(
            "ε of {} at prefixes of {} ({})\n\n{}",
            args.full.display(),
            path.display(),
            args.metric,
            text::columns(&header, rows, 0, 0)
        );
        for (ratio, shapes) in ratios.iter().zip(&shapes) {
            if let Some(shapes) = shapes {
                let _ = write!(out, "\nratio {ratio}: {}", shapes::tell(shapes, self.data.classes()));
            }
        }
        Ok(out)
    }

    /// Rows as a selection, each once and in its class.
    fn select(&self, rows: &[FileRow], file: &Table, path: &Path) -> Result<Selection, Failure> {
        let full = self.input.table.name();
        let classes = self.data.classes();
        let mut per_class = vec![Vec::new(); classes.len()];
        let mut before = vec![None; self.input.table.rows()];
        for (at, &row) in rows.iter().enumerate() {
            if let Some(first) = before[row.index()].replace(FileRow::at(at)) {
                let (name, first, again) = (path.display(), file.place(first), file.place(FileRow::at(at)));
                return Err(Failure::new(format!("{name}: {first} and {again} name the same row of {full}"))
                    .hint("name every row once"));
            }
            let Some(row) = self.input.encoded_row(row) else {
                let (name, place) = (path.display(), file.place(FileRow::at(at)));
                return Err(Failure::new(format!(
                    "{name}: {place} names row {row}, which is left out for missing values"
                ))
                .hint("use --missing mean, or reduce without that row"));
            };
            per_class[classes.of(row).index()].push(row);
        }
        Selection::new(&per_class, None, classes).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
    }

    fn worst(&self, epsilon: &Epsilon) -> String {
        let classes = self.data.classes();
        if let Some(worst) = epsilon.worst {
            return format!(
                "worst-covered: {} of class {}\n",
                self.input.table.place(self.input.original(worst.row)),
                classes.name(worst.class)
            );
        }
        let lost: Vec<&str> = classes
            .ids()
            .filter(|c| epsilon.per_class[c.index()].value.is_infinite())
            .map(|c| classes.name(c))
            .collect();
        format!("lost: {} has no row left, so ε is infinite\n", lost.join(", "))
    }

    fn class_table(&self, epsilon: &Epsilon) -> String {
        let mut out = String::new();
        let rows = epsilon.per_class.iter().zip(self.data.classes().ids()).map(|(class, id)| {
            vec![
                self.data.classes().name(id).to_owned(),
                text::count(class.rows),
                text::count(class.kept),
                text::distance(class.value),
                class.worst.map_or_else(|| "–".into(), |w| self.input.original(w).to_string()),
            ]
        });
        let _ = write!(out, "{}", text::columns(&["class", "rows", "kept", "ε", "worst row"], rows, 0, 1));
        out
    }

    fn record(&self, epsilon: &Epsilon) -> serde_json::Value {
        let classes = self.data.classes();
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
                    "worst_row": class.worst.map(|w| self.input.original(w).0),
                })
            })
            .collect();
        json!({
            "metric": epsilon.metric.name(),
            "value": number(epsilon.value),
            "worst_row": epsilon.worst.map(|w| self.input.original(w.row).0),
            "worst_class": epsilon.worst.map(|w| classes.name(w.class)),
            "classes": per_class,
        })
    }
}
