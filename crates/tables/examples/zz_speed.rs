use leanset_tables::*;
use std::time::Instant;
fn main() {
    let p = std::env::args().nth(1).unwrap();
    let t = Instant::now();
    let table = read(std::path::Path::new(&p), &ReadOptions::default()).unwrap();
    eprintln!(
        "read {:?} rows {} cols {} mem {} MB",
        t.elapsed(),
        table.rows(),
        table.columns().len(),
        table.memory() >> 20
    );
    let t = Instant::now();
    let label = table.columns().last().map(|c| c.name.clone());
    let (enc, e) = Encoder::fit_encode(&table, &EncodeOptions { label, ..Default::default() }).unwrap_or_else(|e| {
        eprintln!("{e} {:?}", e.hint());
        std::process::exit(1)
    });
    eprintln!("fit_encode {:?} d {}", t.elapsed(), e.dimensions);
    let t = Instant::now();
    let e2 = enc.encode(&table).unwrap();
    eprintln!("encode {:?} {}", t.elapsed(), e2 == e);
    let rows: Vec<leanset_core::RowId> = (0..table.rows() as u32).step_by(2).map(leanset_core::RowId).collect();
    for (f, n) in [(Format::Csv, "csv"), (Format::Parquet, "parquet"), (Format::Npz, "npz")] {
        let t = Instant::now();
        let mut out = std::io::BufWriter::new(std::fs::File::create(format!("/tmp/speed_out.{n}")).unwrap());
        write_rows(&table, &rows, &[], f, Compression::None, &mut out).unwrap();
        eprintln!("write half {n} {:?}", t.elapsed());
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("{}", s.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
