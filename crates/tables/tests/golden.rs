//! The scaled Dry Bean table of the reference, to the bit, where the shared data is at hand.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use crate::common::*;
use leanset_tables::*;

#[test]
#[allow(clippy::print_stderr)]
fn encoder_scales_dry_bean_to_the_bit() {
    let beans = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/drybean.csv"));
    let golden = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/inputs.npz"));
    if !beans.exists() || !golden.exists() {
        eprintln!("skipped: the shared Dry Bean table and golden inputs are not here");
        return;
    }
    // The archive holds tables of several lengths, so its arrays are opened one by one.
    let mut archive = zip::ZipArchive::new(std::fs::File::open(golden).unwrap()).unwrap();
    let mut array = |name: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_name(&format!("{name}.npy")).unwrap(), &mut bytes).unwrap();
        let table = open("golden.npy", bytes);
        let (_, encoded) =
            Encoder::fit_encode(&table, &Columns { scale: Some(Scale::None), ..Columns::default() }).unwrap();
        encoded.features.to_f64()
    };
    let table = read(beans, &ReadOptions::default()).unwrap();
    let (encoder, encoded) = Encoder::fit_encode(&table, &label("Class")).unwrap();
    assert_eq!((encoded.rows, encoded.dimensions), (13_611, 16));
    assert_eq!(encoded.class_names, ["BARBUNYA", "BOMBAY", "CALI", "DERMASON", "HOROZ", "SEKER", "SIRA"]);
    let found = encoded.features.to_f64();

    // The golden scale and shift, applied to the raw values, give what was encoded.
    let (scale, min) = (array("drybean_scale"), array("drybean_min"));
    for (k, name) in encoder.feature_columns().iter().enumerate() {
        let column = named(&table, name).text(0).parse::<f64>().unwrap();
        assert_eq!(found[k].to_bits(), (column * scale[k] + min[k]).to_bits(), "{name}");
    }
    let (rows, expected) = (array("drybean2000_rows"), array("drybean2000_X"));
    let codes = array("drybean2000_y");
    assert_eq!(rows.len(), 2_000);
    for (i, &row) in rows.iter().enumerate() {
        let row = row as usize;
        for k in 0..16 {
            assert_eq!(found[row * 16 + k].to_bits(), expected[i * 16 + k].to_bits(), "row {row}, dimension {k}");
        }
        assert_eq!(f64::from(encoded.classes[row]), codes[i]);
    }
}
