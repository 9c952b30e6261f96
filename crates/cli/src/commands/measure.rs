//! `leanset measure`: ε of a reduced table, of prefixes of a ranking, or of the whole curve; and persistence diagrams.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueHint};
use leanset::{Against, Measure, Measurement, Problem, Result};
use leanset_core::homology::{HIGHEST, MOST_POINTS};
use leanset_core::metrics::{Epsilon, PersistenceOptions};
use leanset_core::{ClassId, Classes};
use leanset_problem::{Command, setting, text, visible};
use leanset_spec::{Columns, Energy};

use crate::args::{MetricArg, RunArgs};
use crate::render::{self, persistence_report};
use crate::session::Session;

/// Measure ε.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}{MORE}"))]
pub(crate) struct MeasureArgs {
    /// Full table, e.g. beans.csv, and reduced table, e.g. lean.csv; with --ranking the full table alone.
    ///
    /// The last file is the reduced table: it has the columns of the full one, or the ids of the kept rows in a column `row`
    /// (or in the --id column). Several files before it are one table, in this order. A folder, or a pattern in quotes such
    /// as 'parts/*.parquet', is all its files; `-` is stdin.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Ranking to measure instead of a reduced table, e.g. ranking.csv.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = EPSILON)]
    pub(crate) ranking: Option<PathBuf>,
    /// Measure ε at 1 %, 2 %, … 100 % of the ranking.
    #[arg(long, help_heading = EPSILON)]
    pub(crate) curve: bool,
    /// Measure ε at this fraction of the ranking, e.g. 0.1; repeatable.
    #[arg(long, short, value_name = "R", value_parser = leanset_spec::fraction, allow_negative_numbers = true,
          conflicts_with = "curve", help_heading = EPSILON)]
    pub(crate) ratio: Vec<f64>,
    #[command(flatten)]
    pub(crate) metric: MetricArg,
    /// Also print ε of every class.
    #[arg(long, help_heading = EPSILON)]
    pub(crate) per_class: bool,
    /// Also compare persistence diagrams of both tables, class by class.
    ///
    /// Diagrams of the Vietoris–Rips filtration in the metric of ε, their bottleneck distance, and its theoretical bound:
    /// 2ε if the kept points are rows of FULL.
    #[arg(long, help_heading = PERSISTENCE, hide_short_help = true)]
    pub(crate) persistence: bool,
    /// Highest dimension of the diagrams: 0 components, 1 also loops, 2 also voids [default: 1].
    #[arg(long, value_name = "K", requires = "persistence", help_heading = PERSISTENCE, hide_short_help = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(0..=HIGHEST as u64))]
    pub(crate) dimension: Option<usize>,
    /// Subsample classes of more than N rows before computing diagrams [default: 1000].
    ///
    /// The subsample covers the class evenly; its covering radius is added to the bound and reported.
    #[arg(long, value_name = "N", requires = "persistence", help_heading = PERSISTENCE, hide_short_help = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_POINTS as u64))]
    pub(crate) persistence_points: Option<usize>,
    #[command(flatten)]
    pub(crate) columns: Columns,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EPSILON: &str = "Representativeness (ε)";
const PERSISTENCE: &str = "Persistence diagrams";

const EXAMPLES: &str = "\
Examples:
  leanset measure beans.csv lean.csv --label Class --per-class
  leanset measure beans.csv --ranking ranking.csv --label Class --curve";

const MORE: &str = "
  leanset measure beans.csv lean.csv --label Class --persistence";

pub(crate) fn run(args: &MeasureArgs) -> Result<String> {
    let session = Session::new(&args.run, &Energy::UNKNOWN)?;
    let request = request_of(args)?;
    let found = leanset::measure(&request, &session.context())?;
    session.end_progress();
    if args.run.json {
        return Ok(format!("{:#}\n", found.document()?));
    }
    let report = Report { args, found: &found, classes: found.classes()? };
    Ok(match &request.against {
        Against::Table(_) => report.table(),
        Against::Ranking { file, .. } => report.prefixes(file),
    })
}

/// The arguments as a request.
fn request_of(args: &MeasureArgs) -> Result<Measure> {
    let ranking = || setting::RANKING.to("FILE");
    let (full, reduced) = match (&args.ranking, args.files.as_slice()) {
        (None, [full @ .., reduced]) if !full.is_empty() => (full, Some(reduced)),
        (_, files) => (files, None),
    };
    let against = match (&args.ranking, reduced) {
        (None, _) if args.curve || !args.ratio.is_empty() => {
            let option = if args.curve { &setting::CURVE } else { &setting::RATIO };
            return Err(Problem::new(text![option, " is of a ranking, and none is given"]).hint(text![
                "leanset measure FULL ",
                ranking(),
                "; ",
                Command::RANK,
                " makes one"
            ]));
        }
        (None, Some(reduced)) => Against::Table(reduced.clone()),
        (None, None) => {
            return Err(Problem::new(text!["measure needs the reduced table, or ", ranking()]).hint(text![
                "leanset measure FULL REDUCED, or leanset measure FULL ",
                ranking(),
                " ",
                &setting::CURVE
            ]));
        }
        (Some(_), _) if !args.curve && args.ratio.is_empty() => {
            return Err(Problem::new("a ranking is measured at ratios").hint(text![
                &setting::CURVE,
                " for 1 % … 100 %, or ",
                setting::RATIO.to("R"),
                " (repeatable)"
            ]));
        }
        (Some(_), _) if args.curve && args.persistence => {
            return Err(Problem::new(text![
                &setting::PERSISTENCE,
                " is of one reduced table or of single ratios, not of a whole curve"
            ])
            .hint(text![setting::RATIO.to("R"), " (repeatable) in place of ", &setting::CURVE]));
        }
        (Some(file), _) => {
            let curve = || (1..=100).map(|p| f64::from(p) / 100.0).collect();
            Against::Ranking { file: file.clone(), ratios: if args.curve { curve() } else { args.ratio.clone() } }
        }
    };
    let usual = PersistenceOptions::default();
    let persistence = args.persistence.then(|| PersistenceOptions {
        dimension: args.dimension.unwrap_or(usual.dimension),
        points: args.persistence_points.unwrap_or(usual.points),
    });
    Ok(Measure {
        full: full.to_vec().into(),
        columns: args.columns.clone(),
        against,
        metric: args.metric.metric,
        persistence,
    })
}

struct Report<'a> {
    args: &'a MeasureArgs,
    found: &'a Measurement,
    classes: Classes,
}

impl Report<'_> {
    /// ε of a reduced table.
    fn table(&self) -> String {
        let Some(point) = self.found.points.first() else { return String::new() };
        let rows = self.found.input.encoded.rows;
        let mut out = format!(
            "ε = {}  ({}, {} of {} rows, {})\n",
            render::distance(point.epsilon.value),
            self.args.metric.metric,
            render::count(point.kept),
            render::count(rows),
            render::percent(point.kept, rows),
        );
        out.push_str(&self.worst(&point.epsilon));
        if self.args.per_class {
            out.push('\n');
            out.push_str(&self.class_table(&point.epsilon));
        }
        if let Some(persistence) = &point.persistence {
            out.push('\n');
            out.push_str(&persistence_report::render(persistence, &self.classes));
        }
        out
    }

    /// ε of prefixes of a ranking.
    fn prefixes(&self, ranking: &std::path::Path) -> String {
        let mut header = vec!["ratio", "kept", "ε", "worst row", "class"];
        let names: Vec<String> = match self.args.per_class {
            true => self.classes.ids().map(|c| format!("ε {}", self.classes.name(c))).collect(),
            false => Vec::new(),
        };
        header.extend(names.iter().map(String::as_str));
        let rows = self.found.points.iter().map(|point| {
            let epsilon = &point.epsilon;
            let worst = epsilon.worst.map(|w| (self.found.input.file_row(w.row), self.classes.name(w.class)));
            let lost = epsilon.per_class.iter().zip(self.classes.ids()).find(|(c, _)| c.value.is_infinite());
            let mut row = vec![
                point.ratio.map_or_else(String::new, |ratio| format!("{ratio}")),
                render::count(point.kept),
                render::distance(epsilon.value),
                worst.map_or_else(|| "–".into(), |w| w.0.to_string()),
                match (worst, lost) {
                    (Some(worst), _) => worst.1.to_owned(),
                    (None, Some((_, class))) => format!("{} (lost)", self.classes.name(class)),
                    (None, None) => "–".into(),
                },
            ];
            if self.args.per_class {
                row.extend(epsilon.per_class.iter().map(|c| render::distance(c.value)));
            }
            row
        });
        let mut out = format!(
            "ε of {} at prefixes of {} ({})\n\n{}",
            render::path(Path::new(&self.found.request.full.to_string())),
            render::path(ranking),
            self.args.metric.metric,
            render::columns(&header, rows, 0, 0)
        );
        for point in &self.found.points {
            if let (Some(persistence), Some(ratio)) = (&point.persistence, point.ratio) {
                let _ = write!(out, "\nratio {ratio}: {}", persistence_report::render(persistence, &self.classes));
            }
        }
        out
    }

    fn worst(&self, epsilon: &Epsilon) -> String {
        let input = &self.found.input;
        if let Some(worst) = epsilon.worst {
            let (place, class) = (input.table.place(input.file_row(worst.row)), self.classes.name(worst.class));
            return format!("worst-covered: {} of class {}\n", visible(&place), visible(class));
        }
        let is_lost = |class: &ClassId| epsilon.per_class[class.index()].value.is_infinite();
        let lost: Vec<&str> = self.classes.ids().filter(is_lost).map(|c| self.classes.name(c)).collect();
        format!("lost: {} has no row left, so ε is infinite\n", visible(&lost.join(", ")))
    }

    fn class_table(&self, epsilon: &Epsilon) -> String {
        let rows = epsilon.per_class.iter().zip(self.classes.ids()).map(|(class, id)| {
            vec![
                self.classes.name(id).to_owned(),
                render::count(class.rows),
                render::count(class.kept),
                render::distance(class.value),
                class.worst.map_or_else(|| "–".into(), |w| self.found.input.file_row(w).to_string()),
            ]
        });
        render::columns(&["class", "rows", "kept", "ε", "worst row"], rows, 0, 1)
    }
}
