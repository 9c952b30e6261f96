//! NVIDIA cards, by the library of their driver (NVML), which is looked for at run time.
//!
//! Cards since Volta count millijoules; older ones tell milliwatts, which are sampled.

use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use crate::counter::{Counter, SourceError};

/// Within 5 %: what NVIDIA says of the power reading (documentation of `nvmlDeviceGetPowerUsage`).
const CARD: (f64, &str) = (0.05, "NVIDIA on nvmlDeviceGetPowerUsage");

/// Joules of a millijoule, and watts of a milliwatt.
const MILLI: f64 = 1e-3;

/// One card.
struct Card {
    nvml: Arc<Nvml>,
    index: u32,
    name: String,
    /// Older than Volta: power instead of energy.
    power: bool,
}

impl Card {
    fn problem(&self, error: &NvmlError) -> SourceError {
        let words = format!("GPU {} ({}): {error}", self.index, self.name);
        match error {
            NvmlError::NoPermission => SourceError::Denied(words),
            NvmlError::NotSupported | NvmlError::NotFound | NvmlError::GpuLost => SourceError::Absent(words),
            _ => SourceError::Broken(words),
        }
    }
}

impl Counter for Card {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> String {
        let what = if self.power { "power" } else { "energy" };
        format!("{what} of GPU {}", self.index)
    }

    fn tolerance(&self) -> (f64, &'static str) {
        CARD
    }

    fn read(&mut self) -> Result<u64, SourceError> {
        let device = self.nvml.device_by_index(self.index).map_err(|e| self.problem(&e))?;
        let count = if self.power { device.power_usage().map(u64::from) } else { device.total_energy_consumption() };
        count.map_err(|e| self.problem(&e))
    }

    fn unit(&self) -> f64 {
        MILLI
    }

    fn wraps_at(&self) -> Option<u64> {
        None
    }

    fn is_power(&self) -> bool {
        self.power
    }
}

/// All cards.
pub(crate) fn cards() -> Result<Vec<Box<dyn Counter>>, SourceError> {
    // Without the driver's development files the library has its number only.
    let nvml = Nvml::init().or_else(|_| Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init());
    let nvml = Arc::new(nvml.map_err(|error| match error {
        NvmlError::LibloadingError(_) => SourceError::Absent("there is no NVML, the library of NVIDIA's driver".into()),
        NvmlError::NoPermission => SourceError::Denied("NVML may not be used".into()),
        error => SourceError::Absent(format!("NVML: {error}")),
    })?);
    let count = nvml.device_count().map_err(|error| SourceError::Broken(format!("NVML: {error}")))?;
    if count == 0 {
        return Err(SourceError::Absent("NVML finds no GPU".into()));
    }
    let card = |index| -> Result<Box<dyn Counter>, SourceError> {
        let nameless = |error: NvmlError| SourceError::Broken(format!("GPU {index}: {error}"));
        let device = nvml.device_by_index(index).map_err(nameless)?;
        let name = device.name().map_err(nameless)?;
        let power = device.total_energy_consumption().is_err();
        Ok(Box::new(Card { nvml: Arc::clone(&nvml), index, name, power }))
    };
    (0..count).map(card).collect()
}
