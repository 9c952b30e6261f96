//! List columns as coordinates, ids and indices beside them, and integers that floats cannot tell apart.
#![cfg(feature = "arrow")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array as _, ArrayRef, Float32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use proptest::prelude::*;

use crate::common::*;
use leanset_tables::*;

/// A point; nothing for a row without one, and gaps in it.
type Point = Option<Vec<Option<f64>>>;

fn plain(points: &[Vec<f64>]) -> Vec<Point> {
    points.iter().map(|point| Some(point.iter().map(|&x| Some(x)).collect())).collect()
}

/// Lists of this type from points.
fn lists(points: &[Point], data_type: &DataType) -> ArrayRef {
    let list = arrow_array::ListArray::from_iter_primitive::<Float64Type, _, _>(points.iter().cloned());
    let list: ArrayRef = Arc::new(list);
    // By way of lists of the same elements: casts do one thing at a time.
    let (DataType::List(item)
    | DataType::LargeList(item)
    | DataType::FixedSizeList(item, _)
    | DataType::ListView(item)
    | DataType::LargeListView(item)) = data_type
    else {
        panic!("{data_type} is no list")
    };
    let list = arrow_cast::cast(&list, &DataType::List(Arc::clone(item))).unwrap();
    arrow_cast::cast(&list, data_type).unwrap_or_else(|error| panic!("{data_type}: {error}"))
}

fn types(item: DataType, length: i32) -> Vec<DataType> {
    let item = Arc::new(Field::new_list_field(item, true));
    vec![
        DataType::List(Arc::clone(&item)),
        DataType::LargeList(Arc::clone(&item)),
        DataType::FixedSizeList(Arc::clone(&item), length),
        DataType::ListView(Arc::clone(&item)),
        DataType::LargeListView(item),
    ]
}

fn batch(columns: Vec<(&str, ArrayRef)>, metadata: &[(&str, &str)]) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let metadata = metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn parquet(batch: &RecordBatch) -> Table {
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    open("t.parquet", writer.into_inner().unwrap())
}

/// An Arrow file of several batches, which are joined.
fn arrow(batch: &RecordBatch) -> Table {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for start in (0..batch.num_rows()).step_by(5) {
        writer.write(&batch.slice(start, 5.min(batch.num_rows() - start))).unwrap();
    }
    open("t.arrow", writer.into_inner().unwrap())
}

fn read_back(bytes: Vec<u8>) -> RecordBatch {
    arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap().next().unwrap().unwrap()
}

/// Halves, which all floats here hold exactly.
fn some_points(rows: usize, length: usize) -> Vec<Vec<f64>> {
    (0..rows).map(|row| (0..length).map(|j| ((row * 7 + j * 5) % 23) as f64 / 2.0 - 3.0).collect()).collect()
}

fn only(name: &str) -> Columns {
    Columns { features: features(&[name]), ..Columns::default() }
}

fn encoded(table: &Table, columns: &Columns) -> Encoded {
    Encoder::fit_encode(table, columns).unwrap_or_else(|error| panic!("{}", words(&error))).1
}

fn refusal(table: &Table, columns: &Columns) -> String {
    words(&Encoder::fit_encode(table, columns).expect_err("refused"))
}

#[test]
fn lists_of_every_type_are_coordinates() {
    let points = some_points(12, 3);
    let flat = points.concat();
    for (item, single) in [(DataType::Float16, true), (DataType::Float32, true), (DataType::Float64, false)] {
        for data_type in types(item, 3) {
            let column = lists(&plain(&points), &data_type);
            let table = arrow(&batch(vec![("vector", column)], &[]));
            assert_eq!(kinds(&table), [Kind::List(3)], "{data_type}");
            let (encoder, encoded) = Encoder::fit_encode(&table, &Columns::default()).unwrap();
            assert_eq!(encoded.features.to_f64(), flat, "{data_type}");
            assert_eq!(matches!(encoded.features, Features::F32(_)), single, "{data_type}");
            assert_eq!((encoder.scale(), encoder.dimensions()), (Scale::None, 3));
            assert_eq!(encoder.dimension_names(), ["vector[0]", "vector[1]", "vector[2]"]);
            // Generated points come back as lists of the same type.
            let decoded = encoder.decode(&[0.5, 1.0, 2.0, -1.0, 0.0, 4.5]).unwrap();
            let back = read_back(columns_as(&decoded, Format::ArrowIpc).unwrap());
            assert_eq!(back.schema().field(0).data_type(), &data_type);
            let written = plain(&[vec![0.5, 1.0, 2.0], vec![-1.0, 0.0, 4.5]]);
            assert_eq!(back.column(0), &lists(&written, &data_type), "{data_type}");
        }
    }
}

#[test]
fn lists_come_from_parquet_as_well() {
    let points = some_points(40, 4);
    for data_type in types(DataType::Float32, 4).into_iter().take(3) {
        let table = parquet(&batch(vec![("vector", lists(&plain(&points), &data_type))], &[]));
        let encoded = encoded(&table, &Columns::default());
        assert_eq!(encoded.features, Features::F32(points.concat().iter().map(|&x| x as f32).collect()), "{data_type}");
    }
}

#[test]
fn integers_in_lists_are_coordinates() {
    let points =
        some_points(6, 2).into_iter().map(|p| p.iter().map(|x| x.floor()).collect()).collect::<Vec<Vec<f64>>>();
    for item in [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64] {
        let table = arrow(&batch(vec![("box", lists(&plain(&points), &types(item, 2)[0]))], &[]));
        assert_eq!(encoded(&table, &Columns::default()).features.to_f64(), points.concat());
    }
    let large = |value: i64| {
        let lists = vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(value), Some(4)])];
        let array: ArrayRef = Arc::new(arrow_array::ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
        arrow(&batch(vec![("box", array)], &[]))
    };
    assert_eq!(encoded(&large(1 << 53), &Columns::default()).features.to_f64()[2], 9_007_199_254_740_992.0);
    assert_eq!(
        refusal(&large((1 << 53) + 1), &Columns::default()),
        "t.arrow: row 1, column 'box': 9007199254740993 is beyond ±2^53, where 64-bit floats cannot tell integers apart\n\
         store the lists as floats, or --exclude box"
    );
}

proptest! {
    /// The numbers of lists are scaled as those of columns of their own, to the last bit.
    #[test]
    fn lists_encode_as_columns_of_their_own(
        rows in prop::collection::vec(prop::collection::vec(-1e4f64..1e4, 3), 2..40),
        scale in prop::sample::select(vec![Scale::None, Scale::MinMax, Scale::Standard, Scale::Unit]),
        gaps in prop::collection::vec((0usize..40, 0usize..3), 0..4),
    ) {
        let mut points = plain(&rows);
        // At least one row stays whole.
        for (row, j) in gaps {
            let row = row % (rows.len() - 1);
            if let Some(point) = points[row].as_mut() {
                point[j] = None;
            }
        }
        let missing = if points.iter().flatten().flatten().any(Option::is_none) { Missing::Mean } else { Missing::Refuse };
        let asked = Columns { scale: Some(scale), missing, ..Columns::default() };
        let of_lists = arrow(&batch(vec![("v", lists(&points, &types(DataType::Float64, 3)[0]))], &[]));
        let coordinate = |j: usize| -> ArrayRef {
            let values = points.iter().map(|point| point.as_ref().and_then(|point| point[j]));
            Arc::new(PrimitiveArray::<Float64Type>::from_iter(values))
        };
        let of_columns = arrow(&batch(vec![("v0", coordinate(0)), ("v1", coordinate(1)), ("v2", coordinate(2))], &[]));
        let bits = |table| encoded(table, &asked).features.to_f64().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&of_lists), bits(&of_columns));
    }

    #[test]
    fn unit_scale_is_rows_of_length_1(rows in prop::collection::vec(prop::collection::vec(0.1f64..1e4, 5), 1..30)) {
        let table = arrow(&batch(vec![("v", lists(&plain(&rows), &types(DataType::Float64, 5)[2]))], &[]));
        let columns = Columns { scale: Some(Scale::Unit), ..Columns::default() };
        for (found, row) in encoded(&table, &columns).features.to_f64().chunks(5).zip(&rows) {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            for (found, x) in found.iter().zip(row) {
                prop_assert!((found - x / length).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn missing_lists_follow_the_rule() {
    let data_type = &types(DataType::Float32, 2)[0];
    let mut points = plain(&some_points(5, 2));
    points[1] = None;
    points[3] = Some(vec![Some(1.0), None]);
    points[4] = Some(vec![Some(f64::NAN), Some(0.0)]);
    let table = arrow(&batch(vec![("v", lists(&points, data_type))], &[]));
    assert_eq!(table.columns()[0].missing, 3);
    assert_eq!(
        refusal(&table, &Columns::default()),
        "t.arrow: missing values in 1 column: 'v' (3); the first is in row 1, column 'v'\n\
         --missing mean fills them, --missing drop leaves those rows out"
    );
    let with = |missing| encoded(&table, &Columns { missing, ..Columns::default() });
    let kept: Vec<u32> = with(Missing::Drop).file_rows().map(|row| row.0).collect();
    assert_eq!(kept, [0, 2]);
    // The means are those of the numbers that are there.
    let [first, third] = [some_points(5, 2)[0].clone(), some_points(5, 2)[2].clone()];
    let mean = [(first[0] + third[0] + 1.0) / 3.0, (first[1] + third[1] + 0.0) / 3.0];
    let filled = with(Missing::Mean).features.to_f64();
    assert!((filled[2] - mean[0]).abs() < 1e-12 && (filled[3] - mean[1]).abs() < 1e-12, "{filled:?}, {mean:?}");
    assert_eq!((filled[6], filled[9]), (1.0, 0.0));
}

#[test]
fn lists_that_are_no_coordinates_are_refused_with_the_row() {
    let data_type = &types(DataType::Float32, 2)[0];
    let with = |row: usize, point: Point| {
        let mut points = plain(&some_points(6, 2));
        points[row] = point;
        arrow(&batch(vec![("v", lists(&points, data_type))], &[]))
    };
    let whole = |values: &[f64]| plain(&[values.to_vec()]).swap_remove(0);
    let hint = "lists of one length are coordinates: correct these rows or leave them out of the file, or --exclude v";
    for columns in [Columns::default(), only("v")] {
        for (point, has) in [(whole(&[1.0]), 1), (whole(&[]), 0), (whole(&[0.0; 5]), 5)] {
            let table = with(4, point);
            assert!(matches!(kinds(&table)[0], Kind::Other(_)));
            let what = format!("column 'v' holds lists of different lengths: 2 numbers in most rows, {has} in row 4");
            assert_eq!(refusal(&table, &columns), format!("t.arrow: {what}\n{hint}"));
        }
        let error = refusal(&with(2, whole(&[1.0, f64::INFINITY])), &columns);
        assert!(error.starts_with("t.arrow: row 2, column 'v': inf at position 1 is infinite\n"), "{error}");
        let zero = with(3, whole(&[0.0, 0.0]));
        let error = refusal(&zero, &Columns { scale: Some(Scale::Unit), ..columns.clone() });
        assert_eq!(
            error,
            "t.arrow: row 3: all features are 0, so the row has no direction, which --scale unit needs\n\
             correct the row or leave it out of the file, or --scale none"
        );
    }
    let empty = arrow(&batch(vec![("v", lists(&vec![whole(&[]); 4], data_type))], &[]));
    assert!(refusal(&empty, &only("v")).starts_with("t.arrow: column 'v' holds only empty lists\n"));
    // A reduced table of the same columns has to fit as well.
    let encoder =
        Encoder::fit(&arrow(&batch(vec![("v", lists(&plain(&some_points(6, 3)), data_type))], &[])), &only("v"));
    assert_eq!(
        words(&encoder.unwrap().encode(&with(4, whole(&[1.0, 2.0]))).expect_err("other lengths")),
        "t.arrow: row 0, column 'v': the list has 2 numbers, and 3 are needed\n\
         correct the row or leave it out of the file, or --exclude v"
    );
}

#[test]
fn lists_of_any_length_beside_measurements_are_carried_along() {
    // Of no length more than half: tokens, not an embedding.
    let tokens = plain(&[vec![1.0], vec![1.0, 2.0], vec![3.0; 3], vec![4.0; 4]]);
    let sizes: ArrayRef = Arc::new(Float32Array::from(vec![1.5, 2.0, 3.0, 0.5]));
    let columns = vec![("tokens", lists(&tokens, &types(DataType::Int32, 1)[0])), ("size", sizes)];
    let (encoder, encoded) = Encoder::fit_encode(&arrow(&batch(columns, &[])), &Columns::default()).unwrap();
    assert_eq!(encoder.feature_columns(), ["size"]);
    assert_eq!(encoded.warnings[0].code, "skipped-column");
}

fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn vectors() -> ArrayRef {
    lists(&plain(&some_points(6, 2)), &types(DataType::Float32, 2)[2])
}

#[test]
fn lists_are_the_features_where_nobody_says_which() {
    for (name, other) in [
        ("number", integers(&[3, 1, 2, 6, 5, 4])),
        ("store_id", integers(&[1, 1, 2, 2, 3, 3])),
        ("uuid", strings(&["a", "a", "b", "b", "c", "c"])),
        ("text", strings(&["one", "two", "three", "four", "five", "six"])),
        ("split", strings(&["train"; 6])),
        ("huge", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2, 3, 4, 5])) as ArrayRef),
    ] {
        let table = arrow(&batch(vec![(name, other), ("v", vectors())], &[]));
        let (encoder, encoded) = Encoder::fit_encode(&table, &Columns::default()).unwrap();
        assert_eq!(encoder.feature_columns(), ["v"], "{name}");
        let warning = &encoded.warnings[0];
        assert_eq!(&*warning.code, "skipped-column");
        assert_eq!(
            warning.message.to_string(),
            format!("distances are computed from 'v' alone; carried along: '{name}'")
        );
    }
}

#[test]
fn lists_beside_other_features_need_a_word() {
    for (name, other) in [
        ("width", Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) as ArrayRef),
        ("label", integers(&[0, 1, 0, 1, 0, 1])),
        ("source", strings(&["web", "web", "book", "book", "web", "web"])),
    ] {
        let table = arrow(&batch(vec![("id", integers(&[1, 2, 3, 4, 5, 6])), (name, other), ("v", vectors())], &[]));
        assert_eq!(
            refusal(&table, &Columns::default()),
            format!(
                "t.arrow: column 'v' holds lists of numbers, as embeddings do, and there are other features: '{name}'\n\
                 --features v computes distances from the lists alone; --features v,{name} from all"
            )
        );
        let both = Columns { features: features(&["v", name]), ..Columns::default() };
        if name == "width" {
            let unscaled = Columns { scale: Some(Scale::None), ..both.clone() };
            assert_eq!(encoded(&table, &unscaled).dimensions, 3);
            assert_eq!(
                refusal(&table, &both),
                "t.arrow: the features 'v' and 'width' need one --scale: lists are not scaled by default, other numbers are\n\
                 --scale none takes all as they are, --scale standard gives every dimension the same weight"
            );
        }
    }
}

#[test]
fn several_lists_are_features_together() {
    let table = arrow(&batch(vec![("v", vectors()), ("w", vectors())], &[]));
    let (encoder, encoded) = Encoder::fit_encode(&table, &Columns::default()).unwrap();
    assert_eq!((encoder.feature_columns(), encoded.dimensions), (&["v".to_owned(), "w".to_owned()][..], 4));
}

#[test]
fn prototypes_of_unit_rows_have_no_length() {
    let table = arrow(&batch(vec![("v", vectors())], &[]));
    let encoder = Encoder::fit(&table, &Columns { scale: Some(Scale::Unit), ..Columns::default() }).unwrap();
    assert_eq!(
        words(&encoder.decode(&[]).expect_err("refused")),
        "--scale unit: rows were scaled to unit length, and a point between rows has no length of its own\n\
         use the nearest real rows, or --scale none"
    );
}

#[test]
fn lists_are_arrays_in_npz() {
    let table = arrow(&batch(vec![("name", strings(&["a", "b", "c", "d", "e", "f"])), ("v", vectors())], &[]));
    let back = open("t.npz", rows_as(&table, &ids([4, 1]), &[], Format::Npz).unwrap());
    assert_eq!(
        named(&back, "v_1").values,
        Values::Number32(vec![some_points(6, 2)[4][1] as f32, some_points(6, 2)[1][1] as f32])
    );
    let csv = String::from_utf8(rows_as(&table, &ids([0]), &[], Format::Csv).unwrap()).unwrap();
    assert_eq!(csv, "name,v\na,\"[-3.0, -0.5]\"\n");
}

#[test]
fn a_pandas_index_is_no_feature_unless_it_is_named() {
    let described = r#"{"index_columns": ["plot", "visit", {"kind": "range", "start": 0, "stop": 4, "step": 1}]}"#;
    let columns = || {
        vec![
            ("plot", integers(&[17, 3, 9, 12])),
            ("visit", integers(&[1, 2, 1, 2])),
            ("__index_level_2__", integers(&[5, 6, 7, 8])),
            ("girth", Arc::new(Float32Array::from(vec![0.5, 1.0, 2.0, 3.0])) as ArrayRef),
        ]
    };
    let batch_of = batch(columns(), &[("pandas", described)]);
    for table in [parquet(&batch_of), arrow(&batch_of)] {
        let (encoder, encoded) = Encoder::fit_encode(&table, &Columns::default()).unwrap();
        assert_eq!(encoder.feature_columns(), ["girth"]);
        let said: Vec<String> = encoded.warnings.iter().map(|warning| warning.message.to_string()).collect();
        assert_eq!(said[0], "column 'plot' (pandas index) is carried along but not used for distances");
        assert_eq!(said.len(), 3);
        for name in ["plot", "__index_level_2__"] {
            assert_eq!(Encoder::fit(&table, &only(name)).unwrap().feature_columns(), [name]);
        }
        let id = Columns { id: Some("plot".into()), ..Columns::default() };
        assert_eq!(Encoder::fit(&table, &id).unwrap().feature_columns(), ["girth"]);
    }
    // Metadata that say something else, or nothing, are none.
    for other in ["", "[]", "{}", r#"{"index_columns": 3}"#, r#"{"index_columns": ["gone"]}"#] {
        let table = arrow(&batch(columns(), &[("pandas", other)]));
        assert_eq!(Encoder::fit(&table, &Columns::default()).unwrap().feature_columns(), ["plot", "visit", "girth"]);
    }
}

#[test]
fn columns_like_ids_are_warned_of() {
    let girth = || ("girth", Arc::new(Float32Array::from_iter_values((0..12).map(|x| (x * x) as f32))) as ArrayRef);
    let warned = |name: &str, values: Vec<i64>| {
        let table = arrow(&batch(vec![(name, integers(&values)), girth()], &[]));
        let encoded = encoded(&table, &Columns::default());
        assert_eq!(encoded.dimensions, 2, "the choice of columns is unchanged");
        encoded.warnings.iter().filter(|w| w.code == "id-like-column").map(|w| w.message.to_string()).next()
    };
    let spread = || (0..12).map(|x| (x * 5) % 7).collect::<Vec<_>>();
    assert_eq!(
        warned("plot_id", spread()).as_deref(),
        Some("column 'plot_id' is named like an id and is used for distances")
    );
    assert_eq!(
        warned("n", (1..13).collect()).as_deref(),
        Some("column 'n' numbers the rows from 1 on and is used for distances")
    );
    assert_eq!(warned("n", spread()), None);
    assert_eq!(warned("n", (2..14).collect()), None);
    // Who names the columns is not asked again.
    let table = arrow(&batch(vec![("plot_id", integers(&spread())), girth()], &[]));
    let columns = Columns { features: features(&["plot_id", "girth"]), ..Columns::default() };
    assert_eq!(encoded(&table, &columns).warnings, []);
}

fn of_integers(values: &[i64]) -> Table {
    arrow(&batch(vec![("stamp", integers(values))], &[]))
}

proptest! {
    /// Integers anywhere are scaled as their distances from the least are.
    #[test]
    fn large_integers_are_scaled_exactly(
        base in prop::sample::select(vec![0, 1i64 << 53, 1 << 60, i64::MIN, i64::MAX - 2_000]),
        steps in prop::collection::vec(0i64..2_000, 2..40),
    ) {
        prop_assume!(steps.iter().any(|step| *step != steps[0]));
        let values: Vec<i64> = steps.iter().map(|step| base + step).collect();
        let found = encoded(&of_integers(&values), &Columns::default()).features.to_f64();
        let (least, most) = (*steps.iter().min().unwrap(), *steps.iter().max().unwrap());
        for (found, step) in found.iter().zip(&steps) {
            let exact = (step - least) as f64 / (most - least) as f64;
            prop_assert!((found - exact).abs() < 1e-10, "{} is not {}", found, exact);
        }
    }
}

#[test]
fn integers_that_collapse_are_refused_with_the_column() {
    let wide = of_integers(&[0, i64::MAX - 1, i64::MAX]);
    assert_eq!(
        refusal(&wide, &Columns::default()),
        format!(
            "t.arrow: column 'stamp' has {} and {}, which no 64-bit float tells apart over its range\n\
             if it is an id: --id stamp or --exclude stamp; otherwise divide it by a constant first",
            i64::MAX - 1,
            i64::MAX
        )
    );
    let close = of_integers(&[1 << 60, (1 << 60) + 1, 5]);
    assert_eq!(
        refusal(&close, &Columns { scale: Some(Scale::None), ..Columns::default() }),
        "t.arrow: row 1, column 'stamp': 1152921504606846977 is beyond ±2^53, where 64-bit floats cannot tell integers apart\n\
         --scale minmax subtracts the least value first; or --exclude stamp"
    );
    // Powers of two are floats.
    let powers = of_integers(&[1 << 60, 1 << 61, 1 << 62]);
    let unscaled = Columns { scale: Some(Scale::None), ..Columns::default() };
    assert_eq!(encoded(&powers, &unscaled).features.to_f64()[0], (1u64 << 60) as f64);
    // A table that is encoded later.
    let encoder = Encoder::fit(&of_integers(&[1, 2]), &Columns::default()).unwrap();
    assert!(encoder.encode(&close).is_err());
    let encoder = Encoder::fit(&of_integers(&[1 << 60, (1 << 60) + 4]), &Columns::default()).unwrap();
    assert_eq!(encoder.encode(&of_integers(&[(1 << 60) + 1])).unwrap().features.to_f64(), [0.25]);
    assert_eq!(encoder.decode(&[1.0]).unwrap()[0].1.values, Values::Number(vec![((1u64 << 60) + 4) as f64]));
    // Texts of integers beyond 64 bits.
    let text = csv("x,y\n12345678901234567890,1\n12345678901234567891,2\n3,3\n");
    assert!(
        refusal(&text, &Columns::default())
            .starts_with("t.csv: column 'x' has 12345678901234567890 and 12345678901234567891")
    );
}
