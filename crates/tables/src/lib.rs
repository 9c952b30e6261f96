//! Tables for leanset: reading them, encoding their columns for distances, and writing rows back untouched.
//!
//! Three steps, three rooms:
//! - [`read`] opens a CSV, TSV, JSON Lines, Parquet, Arrow IPC, NPY, NPZ or XLSX file as a [`Table`]: column names, kinds and
//!   missing counts are known at once, values are parsed when they are asked for ([`Table::column`]);
//! - [`Encoder`] turns columns into a row-major matrix of floats and class codes ([`Encoded`]);
//! - [`write_rows`] writes chosen rows, in the order given. In the format they came in they are copied, not
//!   re-printed: `1.10` stays `1.10`, a dictionary stays a dictionary.
//!
//! Nothing passes in silence: a cell that cannot be used is an [`Error`] with file, row, line, column and value, a
//! choice worth knowing is a [`Warning`]. Nothing prints, and no path is touched but the one given.
//!
//! ```
//! use leanset_tables::{Columns, Encoder, ReadOptions, read_bytes};
//!
//! let table = read_bytes("toy.csv", b"x,y,kind\n0,5,a\n2,5.5,b\n4,6,a\n".to_vec(), &ReadOptions::default())?;
//! let options = Columns { label: Some("kind".into()), ..Columns::default() };
//! let encoded = Encoder::fit(&table, &options)?.encode(&table)?;
//! assert_eq!(encoded.features.to_f64(), [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
//! assert_eq!(encoded.class_names, ["a", "b"]);
//! assert_eq!(encoded.classes, [0, 1, 0]);
//! # Ok::<(), leanset_tables::Error>(())
//! ```

mod column;
mod encode;
mod error;
mod files;
mod format;
mod join;
mod memory;
mod missing;
mod notation;
mod pattern;
mod read;
mod row;
mod source;
mod table;
mod write;

pub use column::{Column, ColumnInfo, Kind, ListItem, ListLayout, ListType, Lists, Texts, Values};
pub use encode::{Encoded, Encoder, Features, MAX_CATEGORIES};
pub use error::{Error, ErrorKind, Warning};
pub use files::{TableFile, TableFiles, find_files, shared_folder};
pub use format::{Compression, format_of_path};
pub use leanset_spec::{Columns, DecimalMark, Delimiter, Format, Missing, Scale, TablePaths};
pub use memory::{MemoryLimit, available, in_words, peak, resident};
pub use read::{Progress, ReadOptions, read, read_bytes, read_files, read_with_progress};
pub use row::FileRow;
pub use source::Generated;
pub use source::text::MISSING;
pub use table::Table;
pub use write::{Extra, ExtraValues, write_columns, write_generated, write_rows};
