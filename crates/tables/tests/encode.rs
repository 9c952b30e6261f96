//! Columns to numbers: scales to the bit, one-hot, missing values, classes and bins, and the way back.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_core::RowId;
use leanset_problem::Face;
use leanset_tables::*;
use proptest::prelude::*;

fn fit(table: &Table, options: &Columns) -> (Encoder, Encoded) {
    Encoder::fit_encode(table, options).unwrap_or_else(|error| panic!("{error}"))
}

fn raw() -> Columns {
    Columns { scale: Some(Scale::None), ..Columns::default() }
}

fn codes(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| &*warning.code).collect()
}

fn matrix(values: &[f64], width: usize) -> Table {
    let columns: Vec<(String, Column)> = (0..width)
        .map(|k| column(&format!("c{k}"), values.iter().skip(k).step_by(width).copied().collect::<Vec<_>>()))
        .collect();
    open("t.npz", columns_as(&columns, Format::Npz).unwrap())
}

proptest! {
    #[test]
    fn min_max_is_the_formula_bit_for_bit(values in prop::collection::vec(-1e6f64..1e6, 3..60)) {
        let values = &values[..values.len() / 3 * 3];
        let (_, encoded) = fit(&matrix(values, 3), &Columns::default());
        let found = encoded.features.to_f64();
        for k in 0..3 {
            let column: Vec<f64> = values.iter().skip(k).step_by(3).copied().collect();
            let (min, max) = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
            let scale = 1.0 / if max > min { max - min } else { 1.0 };
            let shift = 0.0 - min * scale;
            for (row, x) in column.iter().enumerate() {
                prop_assert_eq!(found[row * 3 + k].to_bits(), (x * scale + shift).to_bits());
            }
        }
    }

    #[test]
    fn scale_none_leaves_floats_untouched(values in prop::collection::vec(any::<f64>().prop_filter("finite", |x| x.is_finite()), 1..40)) {
        let bounded: Vec<f64> = values.iter().map(|x| x / 64.0).collect();
        let (_, encoded) = fit(&matrix(&bounded, 1), &raw());
        let found: Vec<u64> = encoded.features.to_f64().iter().map(|x| x.to_bits()).collect();
        prop_assert_eq!(found, bounded.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn decode_undoes_encode(values in prop::collection::vec(-1e3f64..1e3, 2..60), standard in any::<bool>()) {
        let values = &values[..values.len() / 2 * 2];
        let scale = if standard { Scale::Standard } else { Scale::MinMax };
        let (encoder, encoded) = fit(&matrix(values, 2), &Columns { scale: Some(scale), ..Columns::default() });
        let decoded = encoder.decode(&encoded.features.to_f64()).unwrap();
        prop_assert_eq!(decoded.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["c0", "c1"]);
        for (k, (_, column)) in decoded.iter().enumerate() {
            let Values::Number(column) = &column.values else { panic!("{column:?}") };
            for (x, original) in column.iter().zip(values.iter().skip(k).step_by(2)) {
                prop_assert!((x - original).abs() < 1e-9, "{} is not {}", x, original);
            }
        }
    }

    #[test]
    fn standard_has_mean_0_and_variance_1(values in prop::collection::vec(-1e3f64..1e3, 2..60), offset in -1e9f64..1e9) {
        prop_assume!(values.iter().any(|x| (x - values[0]).abs() > 1.0));
        let values: Vec<f64> = values.iter().map(|x| x + offset).collect();
        let found = fit(&matrix(&values, 1), &Columns { scale: Some(Scale::Standard), ..Columns::default() }).1.features.to_f64();
        let n = found.len() as f64;
        let mean = found.iter().sum::<f64>() / n;
        let variance = found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        prop_assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{} {}", mean, variance);
    }

    #[test]
    fn bins_have_equal_counts_and_keep_equal_values_together(values in prop::collection::vec(-20i64..20, 1..80), bins in 2usize..8) {
        let text: String = std::iter::once("x,y\n".to_owned()).chain(values.iter().map(|y| format!("1,{y}\n"))).collect();
        let (_, encoded) = fit(&csv(&text), &Columns { bins: Some(bins), ..label("y") });
        for (a, code_a) in values.iter().zip(&encoded.classes) {
            for (b, code_b) in values.iter().zip(&encoded.classes) {
                let monotone = code_a == code_b || (a < b && code_a < code_b) || (a > b && code_a > code_b);
                prop_assert!(monotone && (a != b || code_a == code_b));
            }
        }
        let used: std::collections::BTreeSet<_> = encoded.classes.iter().collect();
        prop_assert_eq!(used.len(), encoded.class_names.len());
        prop_assert_eq!(codes(&encoded.warnings).contains(&"fewer-bins"), encoded.class_names.len() < bins);
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() == values.len() && values.len() >= bins {
            for code in 0..bins as u32 {
                let count = encoded.classes.iter().filter(|&&c| c == code).count();
                prop_assert!(count == values.len() / bins || count == values.len().div_ceil(bins));
            }
        }
    }
}

#[test]
fn constant_columns_keep_scale_1() {
    let table = csv("a,b,c,flag,word\n5,1,1e-17,true,x\n5,3,2e-17,true,x\n");
    for (scale, expected) in [
        (Scale::MinMax, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
        (Scale::Standard, [0.0, -1.0, -5e-18, 1.0, 1.0, 0.0, 1.0, 5e-18, 1.0, 1.0]),
        (Scale::None, [5.0, 1.0, 1e-17, 1.0, 1.0, 5.0, 3.0, 2e-17, 1.0, 1.0]),
    ] {
        let (encoder, encoded) = fit(&table, &Columns { scale: Some(scale), ..Columns::default() });
        let found = encoded.features.to_f64();
        for (x, expected) in found.iter().zip(expected) {
            assert!((x - expected).abs() <= 1e-16 || scale == Scale::Standard, "{scale:?}: {found:?}");
        }
        assert_eq!(encoder.constant_columns(), ["a", "flag", "word"]);
        assert_eq!(codes(&encoded.warnings), ["constant-column"]);
        assert_eq!(
            encoded.warnings[0].message.to_string(),
            "columns 'a', 'flag', 'word' have one value in all rows: no effect on distances"
        );
    }
}

#[test]
fn words_are_one_hot_and_booleans_0_and_1() {
    let table = csv("size,colour,flag\n10,red,true\n20,blue,false\n15,red,true\n10,Zinc,false\n");
    let (encoder, encoded) = fit(&table, &Columns::default());
    assert_eq!(encoder.dimension_names(), ["size", "colour=Zinc", "colour=blue", "colour=red", "flag"]);
    assert_eq!((encoder.dimensions(), encoded.dimensions, encoded.rows), (5, 5, 4));
    #[rustfmt::skip]
    assert_eq!(encoded.features, Features::F64(vec![
        0.0, 0.0, 0.0, 1.0, 1.0,
        1.0, 0.0, 1.0, 0.0, 0.0,
        0.5, 0.0, 0.0, 1.0, 1.0,
        0.0, 1.0, 0.0, 0.0, 0.0,
    ]));
    assert_eq!(encoded.file_rows().collect::<Vec<_>>(), ids(0..4));
    assert_eq!((encoded.class_names, encoded.classes), (vec!["all".to_owned()], vec![0; 4]));
    assert_eq!(
        words(&encoder.decode(&[0.0; 5]).unwrap_err()),
        "column 'colour' holds text: a point between rows, such as a centroid, has no value there\n\
         use the nearest real rows, or --exclude colour"
    );
}

#[test]
fn encode_applies_the_fitted_encoding_to_the_reduced_table() {
    let full = csv("x,g,y\n0,a,7\n10,b,8\n5,1,7\n5,1,8\n");
    let encoder = Encoder::fit(&full, &label("y")).unwrap();
    // Columns in another order, a category that alone looks like a number, an integer class alone.
    let reduced = open("r.tsv", "y\tmore\tg\tx\n8\tq\tb\t10\n7\tq\t1\t5.0\n");
    let encoded = encoder.encode(&reduced).unwrap();
    assert_eq!(encoded.features.to_f64(), [1.0, 0.0, 0.0, 1.0, 0.5, 1.0, 0.0, 0.0]);
    assert_eq!((encoded.classes, encoded.class_names), (vec![1, 0], vec!["7".to_owned(), "8".to_owned()]));
    let only = open("r.csv", "x,g,y\n3,1,8\n");
    assert_eq!(encoder.encode(&only).unwrap().features.to_f64(), [0.30000000000000004, 1.0, 0.0, 0.0]);

    let error = encoder.encode(&open("r.csv", "x,g,y\n1,a,7\n1,c,7\n")).unwrap_err();
    assert_eq!(
        words(&error),
        "r.csv: row 1 (line 3), column 'g': 'c' is not one of the 3 categories known\nknown: '1', 'a', 'b'"
    );
    let error = encoder.encode(&open("r.csv", "x,g,y\n1,a,7\n1,a,9\n")).unwrap_err();
    assert_eq!(
        words(&error),
        "r.csv: row 1 (line 3), label column 'y': '9' is not one of the 2 classes known\nknown: '7', '8'"
    );
    let error = encoder.encode(&open("r.csv", "x,g,y\n1,a,7\ntwo,a,8\n")).unwrap_err();
    assert_eq!(words(&error), "r.csv: row 1 (line 3), column 'x': 'two' is not a number");
    let error = encoder.encode(&open("r.csv", "x,y\n1,7\n")).unwrap_err();
    assert_eq!(words(&error), "r.csv: no column 'g'\ncolumns: 'x', 'y'");
    let binned = Encoder::fit(&full, &Columns { bins: Some(2), ..label("x") }).unwrap();
    assert_eq!(binned.class_names(), ["[0, 5)", "[5, 10]"]);
    let error = binned.encode(&open("r.csv", "x,g,y\n11,a,7\n")).unwrap_err();
    assert_eq!(error.to_string(), "r.csv: row 0 (line 2), label column 'x': '11' is not one of the 2 classes known");
}

#[test]
fn encode_known_leaves_out_rows_of_unknown_classes() {
    let full = csv("x,y\n0,red\n10,blue\n5,red\n");
    let drop = Columns { missing: Missing::Drop, ..label("y") };
    let encoder = Encoder::fit(&full, &drop).unwrap();
    let other = open("r.csv", "x,y\n1,green\n2,red\n,blue\n3,green\n4,blue\n5,white\n");
    assert!(encoder.encode(&other).is_err());
    let encoded = encoder.encode_known(&other).unwrap();
    assert_eq!(encoded.file_rows().collect::<Vec<_>>(), ids([1, 4]));
    assert_eq!((encoded.file_row(RowId(1)), encoded.dataset_row(FileRow(4))), (FileRow(4), Some(RowId(1))));
    assert_eq!((encoded.dataset_row(FileRow(0)), encoded.dataset_row(FileRow(9))), (None, None));
    assert_eq!((encoded.classes, encoded.features.to_f64()), (vec![1, 0], vec![0.2, 0.4]));
    let said: Vec<_> = encoded.warnings.iter().map(|w| format!("{}: {}", w.code, w.message)).collect();
    assert_eq!(
        said,
        [
            "rows-dropped: r.csv: 1 of 6 rows left out for missing values",
            "unknown-class: r.csv: 3 rows left out, of classes that are not known in column 'y': 'green', 'white'",
        ]
    );
    // Where all classes are known, it is `encode`.
    assert_eq!(encoder.encode_known(&full).unwrap(), encoder.encode(&full).unwrap());
    let error = encoder.encode_known(&open("r.csv", "x,y\n1,green\n")).unwrap_err();
    assert_eq!(words(&error), "r.csv: label column 'y': no row is of a class known, but 'green'\nknown: 'blue', 'red'");
}

#[test]
fn features_stay_32_bits_where_nothing_needs_more() {
    let single = vec![column("a", vec![0.1f32, 0.2]), column("b", vec![true, false])];
    let table = open("t.parquet", columns_as(&single, Format::Parquet).unwrap());
    assert_eq!(fit(&table, &raw()).1.features, Features::F32(vec![0.1, 1.0, 0.2, 0.0]));
    assert!(matches!(fit(&table, &Columns::default()).1.features, Features::F64(_)));
    let holed = vec![("a".to_owned(), Column::new(Values::Number32(vec![0.5, f32::NAN]), Some(vec![false, true])))];
    let table = open("t.parquet", columns_as(&holed, Format::Parquet).unwrap());
    assert_eq!(fit(&table, &Columns { missing: Missing::Mean, ..raw() }).1.features, Features::F64(vec![0.5, 0.5]));
    assert_eq!(fit(&table, &Columns { missing: Missing::Drop, ..raw() }).1.features, Features::F32(vec![0.5]));
    let wide = vec![column("a", vec![0.1f32]), column("b", vec![1i64])];
    let table = open("t.parquet", columns_as(&wide, Format::Parquet).unwrap());
    assert!(matches!(fit(&table, &raw()).1.features, Features::F64(_)));

    let bytes = npy("'<f4'", false, "(2,)", &[0.1f32, 0.3].map(f32::to_le_bytes).concat());
    let first = open("t.npy", bytes);
    let encoder = Encoder::fit(&first, &raw()).unwrap();
    let text = rows_as(&first, &ids([1]), &[], Format::Csv).unwrap();
    let back = encoder.encode(&open("t.csv", text)).unwrap();
    assert_eq!(back.features, Features::F32(vec![0.3]), "the shortest text of an f32 is that f32 again");
    assert_eq!(codes(&back.warnings), ["rounded"]);
    let error = encoder.encode(&open("t.csv", "x0\n1e39\n")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.csv: row 0 (line 2), column 'x0': '1e39' is too large for the floats it is encoded in"
    );
}

#[test]
fn missing_values_are_refused_filled_or_dropped() {
    let table = csv("x,f,t,y\n1,true,b,p\n,true,a,q\n4,,b,p\n7,false,,p\n1,false,a,\n");
    let with = |missing| Columns { missing, scale: Some(Scale::None), ..label("y") };
    assert_eq!(
        words(&Encoder::fit(&table, &with(Missing::Refuse)).unwrap_err()),
        "t.csv: label column 'y' is missing in 1 row, the first is row 4 (line 6)\n--missing drop leaves those rows out"
    );
    let features = Columns { exclude: vec!["y".into()], ..Columns::default() };
    assert_eq!(
        words(&Encoder::fit(&table, &features).unwrap_err()),
        "t.csv: missing values in 3 columns: 'x' (1), 'f' (1), 't' (1); the first is in row 1 (line 3), column 'x'\n\
         --missing mean fills them, --missing drop leaves those rows out"
    );
    assert!(Encoder::fit(&table, &with(Missing::Mean)).unwrap_err().to_string().contains("label column 'y'"));

    let (_, filled) = fit(&table, &Columns { missing: Missing::Mean, scale: Some(Scale::None), ..features });
    #[rustfmt::skip]
    assert_eq!(filled.features.to_f64(), [
        1.0, 1.0, 0.0, 1.0,
        3.25, 1.0, 1.0, 0.0,
        4.0, 0.0, 0.0, 1.0, // as many true as false: the first in order
        7.0, 0.0, 1.0, 0.0, // as many a as b: the first in order
        1.0, 0.0, 1.0, 0.0,
    ]);
    assert_eq!(codes(&filled.warnings), ["values-filled"]);
    assert_eq!(
        filled.warnings[0].message.to_string(),
        "t.csv: 3 missing values in 3 columns filled with means and most frequent values"
    );

    let table = csv("x,y\n100,\n1,p\n,q\n3,p\n");
    let (_, left) = fit(&table, &Columns { missing: Missing::Drop, ..label("y") });
    assert_eq!(left.file_rows().collect::<Vec<_>>(), ids([1, 3]));
    assert_eq!((left.rows, left.classes.clone(), left.class_names.clone()), (2, vec![0, 0], vec!["p".to_owned()]));
    assert_eq!(left.features.to_f64(), [0.0, 1.0], "ranges are those of the rows that are left");
    assert_eq!(codes(&left.warnings), ["one-class", "rows-dropped"]);
    assert_eq!(left.warnings[1].message.to_string(), "t.csv: 2 of 4 rows left out for missing values");

    let error = Encoder::fit(&csv("x,z,y\n1,,p\n2,NA,p\n"), &with(Missing::Drop)).unwrap_err();
    assert_eq!(
        words(&error),
        "t.csv: every row has a missing value, so none is left\n--exclude the emptiest columns: 'z' (2)"
    );
    let error = Encoder::fit(&csv("x,z,y\n1,,p\n2,NA,p\n"), &with(Missing::Mean)).unwrap_err();
    assert_eq!(words(&error), "t.csv: column 'z' has no values at all\n--exclude z");
}

#[test]
fn classes_are_sorted_by_what_they_are() {
    let classes = |text: &str| fit(&csv(text), &label("y")).1;
    let found = classes("x,y\n1,b\n2,B\n3,a\n");
    assert_eq!((found.class_names, found.classes), (vec!["B".into(), "a".into(), "b".into()], vec![2, 0, 1]));
    let found = classes("x,y\n1,10\n2,9\n3,-1\n");
    assert_eq!((found.class_names, found.classes), (vec!["-1".into(), "9".into(), "10".into()], vec![2, 1, 0]));
    let found = classes("x,y\n1,2.0\n2,1\n3,2\n");
    assert_eq!((found.class_names, found.classes), (vec!["1".into(), "2".into(), "2.0".into()], vec![2, 0, 1]));
    let found = classes("x,y\n1,TRUE\n2,false\n3,true\n");
    assert_eq!((found.class_names, found.classes), (vec!["false".into(), "TRUE".into(), "true".into()], vec![1, 0, 2]));
    let found = classes("x,y\n1,v\n2,v\n");
    assert_eq!(codes(&found.warnings), ["one-class"]);
    assert_eq!(found.warnings[0].message.to_string(), "label column 'y' holds one class in every row: 'v'");
}

#[test]
fn bins_cut_a_measurement_into_classes() {
    let table = csv("x,y\n1,0.5\n2,1.25\n3,1.25\n4,9\n5,2\n6,3\n");
    let (_, encoded) = fit(&table, &Columns { bins: Some(3), ..label("y") });
    assert_eq!(encoded.class_names, ["[0.5, 1.25)", "[1.25, 3)", "[3, 9]"]);
    assert_eq!(encoded.classes, [0, 1, 1, 2, 1, 2]);
    let (_, encoded) = fit(&csv("x,y\n1,3\n2,1\n3,2\n"), &Columns { bins: Some(usize::MAX), ..label("y") });
    assert_eq!(encoded.class_names, ["[1, 2)", "[2, 3)", "[3, 3]"]);
    let (_, encoded) = fit(&csv("x,y\n1,0\n2,0\n3,0\n4,5\n"), &Columns { bins: Some(3), ..label("y") });
    assert_eq!(encoded.class_names, ["[0, 5]"]);
    assert_eq!(codes(&encoded.warnings), ["fewer-bins", "one-class"]);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "label column 'y' gives 1 bin instead of 3: equal values stay together"
    );
}

#[test]
fn warnings_name_columns_that_are_no_features() {
    let dates: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::Date32Array::from(vec![1, 2]));
    let x: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::Float64Array::from(vec![1.0, 2.0]));
    let batch = arrow_array::RecordBatch::try_from_iter([("when", dates), ("x", x)]).unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let table = open("t.arrow", writer.into_inner().unwrap());
    let (encoder, encoded) = fit(&table, &Columns::default());
    assert_eq!(encoder.feature_columns(), ["x"]);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "column 'when' holds dates: it is carried along but not used for distances"
    );
    assert_eq!(fit(&table, &label("when")).1.class_names, ["1970-01-02", "1970-01-03"]);
    let named = Columns { features: features(&["when"]), scale: Some(Scale::None), ..Columns::default() };
    assert_eq!(fit(&table, &named).1.features.to_f64(), [1.0, 2.0], "days since 1970");

    let (_, encoded) = fit(&csv(",x\n3,5\n9,6\n"), &Columns::default());
    assert_eq!(codes(&encoded.warnings), ["unnamed-column"]);
    assert_eq!(
        encoded.warnings[0].message.to_string(),
        "column 1 has no name in the header and is used for distances as 'column_0'"
    );
    assert_eq!(
        encoded.warnings[0].hint.as_ref().map(|hint| hint.render(Face::CommandLine)).as_deref(),
        Some("if it is an index, as pandas writes: --exclude column_0")
    );
}

/// Fitted on some rows, an encoding is that of a table of these rows, but for the categories, which are those of all.
#[test]
fn fit_on_learns_from_some_rows_alone() {
    let table = read_bytes(
        "t.csv",
        b"x,word,kind\n4,b,p\n2,b,p\n,a,q\n100,a,q\n-50,c,q\n,,p\n".to_vec(),
        &ReadOptions::default(),
    )
    .unwrap();
    let options = Columns { label: Some("kind".into()), missing: Missing::Mean, ..Columns::default() };
    let rows = ids(0..3);
    let encoded = Encoder::fit_on(&table, &options, &rows).unwrap().encode(&table).unwrap();
    // x: from 2 to 4, its mean 3 where it is missing; word: of these rows most often b.
    let expected = [
        [1.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.5, 1.0, 0.0, 0.0],
        [49.0, 1.0, 0.0, 0.0],
        [-26.0, 0.0, 0.0, 1.0],
        [0.5, 0.0, 1.0, 0.0],
    ];
    assert_eq!(encoded.features.to_f64(), expected.concat());
    assert_eq!(encoded.classes, [0, 0, 1, 1, 1, 0]);
    let all = ids(0..6);
    let whole = Encoder::fit_on(&table, &options, &all).unwrap().encode(&table).unwrap();
    assert_eq!(whole, fit(&table, &options).1);
}
