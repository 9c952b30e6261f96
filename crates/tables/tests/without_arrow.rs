//! Without the feature `arrow`, Parquet and Arrow IPC are refused by name and everything else works.
#![cfg(not(feature = "arrow"))]
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_tables::*;

#[test]
fn read_refuses_parquet_and_arrow_by_name() {
    let error = refused("t.parquet", *b"PAR1");
    assert_eq!(
        words(&error),
        "t.parquet: this build of leanset has no support for a Parquet file\nbuild with the feature 'arrow', or use CSV or NPZ"
    );
    let table = csv("a\n1\n");
    let error = rows_as(&table, &ids([0]), &[], Format::ArrowIpc).unwrap_err();
    assert_eq!(error.to_string(), "the output: this build of leanset has no support for an Arrow IPC file");
    assert_eq!(cells(&open("t.npz", rows_as(&table, &ids([0]), &[], Format::Npz).unwrap())), [["1"]]);
}
