//! A machine made of files, for tests: two sockets with memory, and a counter that moves when it is told to.

use std::fs;
use std::path::Path;

use crate::options::Options;
use crate::sysfs_root::SysfsRoot;

pub(crate) struct Fake {
    folder: tempfile::TempDir,
}

/// Where a counter of the fake machine starts anew, in microjoules.
pub(crate) const MOST: u64 = 262_143_328_850;

impl Fake {
    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A machine of two sockets with memory, four threads, and powercap.
    pub(crate) fn machine() -> Self {
        let fake = Self::empty();
        fake.stat(0, 0, 0);
        for socket in 0..2 {
            fake.zone(&format!("intel-rapl:{socket}"), &format!("package-{socket}"));
            fake.zone(&format!("intel-rapl:{socket}:0"), "core");
            fake.zone(&format!("intel-rapl:{socket}:1"), "dram");
        }
        fake
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn sysfs(&self) -> SysfsRoot {
        SysfsRoot::new(self.root())
    }

    pub(crate) fn options(&self) -> Options {
        Options { root: self.root().to_owned(), ..Options::default() }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, format!("{text}\n")).expect("a file");
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.root().join(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it was there");
    }

    /// A zone of powercap that stands at 1 J.
    pub(crate) fn zone(&self, id: &str, name: &str) {
        self.write(&format!("sys/class/powercap/{id}/name"), name);
        self.write(&format!("sys/class/powercap/{id}/max_energy_range_uj"), &MOST.to_string());
        self.set(id, 1_000_000);
    }

    /// Sets a zone of powercap, in microjoules.
    pub(crate) fn set(&self, id: &str, energy: u64) {
        self.write(&format!("sys/class/powercap/{id}/energy_uj"), &energy.to_string());
    }

    /// What a zone of powercap stands at.
    pub(crate) fn stands_at(&self, id: &str) -> u64 {
        let text = fs::read_to_string(self.root().join(format!("sys/class/powercap/{id}/energy_uj"))).expect("a zone");
        text.trim().parse().expect("a number")
    }

    /// Adds to a zone of powercap, and wraps it where it does.
    pub(crate) fn advance(&self, id: &str, energy: u64) {
        self.set(id, (self.stands_at(id) + energy) % (MOST + 1));
    }

    /// Lets every zone move by a millijoule.
    pub(crate) fn move_all(&self) {
        for id in self.sysfs().names("/sys/class/powercap") {
            self.advance(&id, 1000);
        }
    }

    /// Sets `/proc/stat` of four threads: ticks busy, idle and stolen, of a hundredth of a second.
    pub(crate) fn stat(&self, busy: u64, idle: u64, stolen: u64) {
        let threads: String = (0..4).map(|thread| format!("cpu{thread} 0 0 0 0 0 0 0 0 0 0\n")).collect();
        self.write("proc/stat", &format!("cpu  {busy} 0 0 {idle} 0 0 0 {stolen} 0 0\n{threads}intr 1"));
    }
}
