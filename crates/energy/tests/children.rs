//! CPU time of children counts once they have been waited for. Alone in its process, so that no other test's time does.
#![cfg(unix)]

use std::process::Command;

use leanset_energy::{Meter, Options};

#[test]
fn reading_has_the_time_of_a_child() {
    let options = Options { watts: Some(10.0), ..Options::default() };
    let idle = Meter::start(&options).expect("a meter");
    let status = Command::new("sleep").arg("0.05").status().expect("sleep runs");
    assert!(status.success());
    let idle = idle.stop();

    let meter = Meter::start(&options).expect("a meter");
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let status = Command::new("sh").args(["-c", busy]).status().expect("a shell runs");
    assert!(status.success());
    let reading = meter.stop();
    let [idle, busy] = [idle, reading].map(|reading| reading.cpu_seconds.expect("CPU time"));
    assert!(busy > 0.03 && idle < busy / 2.0, "a sleeping child took {idle} s, and a busy one {busy} s");
}
