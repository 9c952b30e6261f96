//! Archives as people save them: which arrays are the table, and what becomes of the others.
#![allow(clippy::unwrap_used, missing_docs)]

use crate::common::*;
use leanset_tables::*;

/// `(4, 2)`, `(4,)`, and one column of four rows.
fn points() -> Vec<u8> {
    npy("'<f4'", false, "(4, 2)", &(0..8u8).flat_map(|x| f32::from(x).to_le_bytes()).collect::<Vec<_>>())
}

fn classes(shape: &str) -> Vec<u8> {
    npy("'|u1'", false, shape, &[0, 1, 0, 1])
}

fn words_of(names: &[&str]) -> Vec<u8> {
    let units: Vec<u8> = names
        .iter()
        .flat_map(|name| name.chars().chain(['\0'; 3]).take(3))
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    npy("'<U3'", false, &format!("({},)", names.len()), &units)
}

/// Objects as `numpy.save` pickles them; what the pickle says matters to Python alone.
fn objects(shape: &str) -> Vec<u8> {
    npy("'|O'", false, shape, b"\x80\x04pickled")
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    zipped(files, false)
}

fn read_named(bytes: Vec<u8>, columns: &Columns) -> Result<Table, Error> {
    read_bytes("t.npz", bytes, &ReadOptions::from(columns))
}

fn codes(table: &Table) -> Vec<String> {
    table.warnings().iter().map(|warning| warning.code.to_string()).collect()
}

#[test]
fn label_of_one_column_goes_by_the_name_of_its_array() {
    let bytes = archive(&[("X.npy", &points()), ("y.npy", &classes("(4, 1)"))]);
    let columns = label("y");
    let table = read_named(bytes, &columns).unwrap();
    let (encoder, encoded) = Encoder::fit_encode(&table, &columns).unwrap();
    assert_eq!(
        (encoder.feature_columns(), encoded.class_names),
        (&["X_0".into(), "X_1".into()][..], vec!["0".into(), "1".into()])
    );
    let out = rows_as(&table, &ids([3, 0]), &[], Format::Npz).unwrap();
    let back = open("t.npz", out);
    assert_eq!(cells(&back)[2], ["1", "0"]);
    assert_eq!(back.positions("y").unwrap(), 2..3);
    let wide = npy("'|u1'", false, "(4, 2)", &[0, 1, 1, 0, 0, 1, 1, 0]);
    let table = read_named(archive(&[("X.npy", &points()), ("y.npy", &wide)]), &columns).unwrap();
    assert_eq!(
        words(&Encoder::fit(&table, &columns).unwrap_err()),
        "t.npz: array 'y' has 2 columns, and one is needed\nname one of them, such as y_0"
    );
}

#[test]
fn arrays_beside_the_table_are_written_as_they_are() {
    let (names, one) = (words_of(&["elm", "oak"]), npy("'<i8'", false, "()", &7i64.to_le_bytes()));
    let (config, mean) = (objects("()"), npy("'<f8'", false, "(2,)", &[0; 16]));
    let files: [(&str, &[u8]); 7] = [
        ("X.npy", &points()),
        ("y.npy", &classes("(4,)")),
        ("class_names.npy", &names),
        ("seed.npy", &one),
        ("config.npy", &config),
        ("mean.npy", &mean),
        ("readme.txt", b"made in spring"),
    ];
    let table = read_named(zipped(&files, true), &label("y")).unwrap();
    assert_eq!(table.rows(), 4);
    assert_eq!(codes(&table), ["arrays-beside"]);
    let said = table.warnings()[0].message.to_string();
    assert!(said.contains("'class_names', 'mean', 'config' are not columns of the table of 4 rows"), "{said}");
    let out = rows_as(&table, &ids([1]), &[], Format::Npz).unwrap();
    let mut written = zip::ZipArchive::new(std::io::Cursor::new(out)).unwrap();
    for (name, bytes) in &files[2..] {
        let mut found = Vec::new();
        std::io::Read::read_to_end(&mut written.by_name(name).unwrap(), &mut found).unwrap();
        // Headers differ in their padding.
        assert!(found == *bytes || found.ends_with(&bytes[128..]), "{name}");
    }
}

#[test]
fn objects_with_a_row_each_are_left_out_and_said() {
    let files: [(&str, &[u8]); 2] = [("X.npy", &points()), ("notes.npy", &objects("(4,)"))];
    let table = open("t.npz", archive(&files));
    assert_eq!(codes(&table), ["python-objects"]);
    assert_eq!(table.columns().len(), 2);
    let (_, encoded) = Encoder::fit_encode(&table, &Columns::default()).unwrap();
    assert!(encoded.warnings.iter().any(|warning| warning.code == "python-objects"));
    let error = read_named(archive(&files), &label("notes")).unwrap_err();
    assert!(error.to_string().contains("array 'notes': holds Python objects"), "{error}");
    let error = refused("t.npz", archive(&files[1..]));
    assert!(error.to_string().contains("array 'notes': holds Python objects"), "{error}");
}

#[test]
fn arrays_that_are_asked_for_are_the_table() {
    let (other, rest) = (npy("'|u1'", false, "(3, 1)", &[1, 2, 3]), npy("'|u1'", false, "(3,)", &[0, 1, 1]));
    let files: [(&str, &[u8]); 4] =
        [("train.npy", &points()), ("train_y.npy", &classes("(4,)")), ("test.npy", &other), ("test_y.npy", &rest)];
    assert_eq!(
        words(&refused("t.npz", archive(&files))),
        "t.npz: array 'train' has 4 rows and array 'test' has 3\n\
         say which arrays are the table, --features train, or save them in an archive of their own"
    );
    for (features, label, rows) in [("train", "train_y", 4), ("test", "test_y", 3)] {
        let columns =
            Columns { features: Some(vec![features.into()]), label: Some(label.into()), ..Columns::default() };
        let table = read_named(archive(&files), &columns).unwrap();
        assert_eq!(table.rows(), rows);
        assert_eq!(codes(&table), ["arrays-beside"]);
    }
    let columns = Columns { features: Some(vec!["train".into()]), ..label("test_y") };
    let error = read_named(archive(&files), &columns).unwrap_err();
    assert_eq!(error.to_string(), "t.npz: array 'train' has 4 rows and array 'test_y' has 3");
}

#[test]
fn two_arrays_of_one_name_are_refused() {
    let mut bytes = archive(&[("X.npy", &points()), ("Y.npy", &points())]);
    // The zip writer refuses to make one, so a name is changed where it stands: in both headers.
    let places: Vec<usize> = (0..bytes.len() - 5).filter(|&at| bytes[at..].starts_with(b"Y.npy")).collect();
    assert_eq!(places.len(), 2);
    places.into_iter().for_each(|at| bytes[at] = b'X');
    assert_eq!(refused("t.npz", bytes).to_string(), "t.npz: two arrays of the archive have one name");
}

#[test]
fn headers_of_every_version_are_read() {
    let data: Vec<u8> = [1.5f64, 2.5, 3.5, 4.5].iter().flat_map(|x| x.to_le_bytes()).collect();
    let texts = [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 2L), }",
        "{'shape': ( 2L , 2 ),  'fortran_order' : False , \"descr\":'<f8'}   ",
    ];
    for text in texts {
        for version in [1u8, 2, 3] {
            let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
            let length = u16::try_from(text.len() + 1).unwrap();
            bytes.extend_from_slice(&length.to_le_bytes());
            if version > 1 {
                bytes.extend_from_slice(&[0, 0]);
            }
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
            bytes.extend_from_slice(&data);
            let table = open("t.npy", bytes);
            assert_eq!(cells(&table), [["1.5", "3.5"], ["2.5", "4.5"]], "version {version}: {text}");
        }
    }
    // An L in a name stays one.
    let record = npy("[('L1L', '<f8'), ('b', '<f8')]", false, "(2L,)", &data);
    assert_eq!(open("t.npy", record).columns()[0].name, "L1L");
}
