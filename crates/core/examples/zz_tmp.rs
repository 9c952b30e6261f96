#[path = "../tests/common/mod.rs"]
mod common;
use leanset_core::*;
use leanset_core::params::Value;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sample = common::dry_bean(&common::shared("data").unwrap().join("drybean.csv")).0;
    let given: Vec<_> = args.iter().map(|a| { let (n, v) = a.split_once('=').unwrap(); (n.to_owned(), Value::Text(v.into())) }).collect();
    let r = Reducer::new("phl", &given).unwrap();
    let data = sample.data();
    let t = std::time::Instant::now();
    let k = common::on_threads(1, || r.rank(&data, None, Seed(0), &Quiet).unwrap());
    println!("{:?} {} {:x}", t.elapsed(), k.rows().len(), k.scores().iter().fold(0u64, |h, s| h.rotate_left(1) ^ s.to_bits()));
}
