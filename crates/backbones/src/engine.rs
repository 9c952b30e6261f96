//! What runs a model: rten, which is built in, or a library of ONNX Runtime.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use leanset_problem::{Problem, Result, Text, setting, text};

use crate::error::problem;

/// What runs a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The built-in engine: no library is needed.
    #[default]
    Rten,
    /// ONNX Runtime, 1.17 or later: its shared library, or a folder with one, such as that of the Python package.
    OnnxRuntime {
        /// Where it is.
        library: PathBuf,
        /// What it computes on.
        device: Device,
    },
}

/// What ONNX Runtime computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA card of this number.
    Cuda(i32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(card) => write!(f, "cuda:{card}"),
        }
    }
}

impl FromStr for Device {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let card = match text.split_once(':') {
            None if text == "cpu" => return Ok(Self::Cpu),
            None if text == "cuda" => Some(0),
            Some(("cuda", card)) => card.parse::<u8>().ok(),
            _ => None,
        };
        card.map(|card| Self::Cuda(i32::from(card))).ok_or_else(|| {
            Problem::new(text![&setting::DEVICE, format!(" must be cpu, cuda or cuda:N, not '{text}'")])
                .hint("leave it out for cpu")
        })
    }
}

/// The built-in engine, with its version.
pub(crate) const RTEN: &str = "rten 0.27.0";

/// A tensor.
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A model that is loaded, for any number of threads.
pub(crate) enum Loaded {
    Rten {
        model: Arc<rten::Model>,
        nodes: usize,
        input: rten::NodeId,
        output: rten::NodeId,
    },
    #[cfg(feature = "onnxruntime")]
    OnnxRuntime(onnxruntime::Loaded),
}

/// What one thread runs the model with.
pub(crate) enum Runner {
    Rten {
        model: Arc<rten::Model>,
        nodes: usize,
        input: rten::NodeId,
        output: rten::NodeId,
        thread: Arc<rten::ThreadPool>,
    },
    #[cfg(feature = "onnxruntime")]
    OnnxRuntime(onnxruntime::Runner),
}

impl Loaded {
    /// `model` is what was cut; `name` is the model's, for errors.
    pub(crate) fn new(
        engine: &Engine,
        model: &[u8],
        nodes: usize,
        input: &str,
        output: &str,
        name: &str,
    ) -> Result<Self> {
        match engine {
            Engine::Rten => {
                let hint = || text!["run it with a library of ONNX Runtime: ", setting::ONNXRUNTIME.to("PATH")];
                let load = || rten::ModelOptions::with_all_ops().prepack_weights(true).load(model.to_vec());
                let loaded = on_a_deep_stack(nodes, load).ok_or_else(|| {
                    problem(format!("{name}: the built-in engine fails on it: the model is damaged"), hint())
                })?;
                let model = loaded.map_err(|e| {
                    problem(format!("{name}: the built-in engine cannot run it: {e}"), hint()).caused_by(e)
                })?;
                let node = |tensor: &str| {
                    model.find_node(tensor).ok_or_else(|| {
                        let message = format!("{name}: the built-in engine optimised '{tensor}' away");
                        problem(
                            message,
                            text![
                                "choose another tensor with ",
                                &setting::LAYER,
                                ", or run the model with ",
                                setting::ONNXRUNTIME.to("PATH")
                            ],
                        )
                    })
                };
                let (input, output) = (node(input)?, node(output)?);
                Ok(Self::Rten { model: Arc::new(model), nodes, input, output })
            }
            #[cfg(feature = "onnxruntime")]
            Engine::OnnxRuntime { library, device } => {
                Ok(Self::OnnxRuntime(onnxruntime::Loaded::new(library, *device, model, input, name)?))
            }
            #[cfg(not(feature = "onnxruntime"))]
            Engine::OnnxRuntime { .. } => Err(problem(
                "this leanset was built without ONNX Runtime",
                text!["leave out ", &setting::ONNXRUNTIME, ", or build leanset with the feature onnxruntime"],
            )),
        }
    }

    /// For one thread.
    pub(crate) fn runner(&self) -> Result<Runner> {
        Ok(match self {
            Self::Rten { model, nodes, input, output } => {
                // Of one thread: images go side by side, and the order of sums does not depend on how many there are.
                let thread = Arc::new(rten::ThreadPool::with_num_threads(1));
                Runner::Rten { model: model.clone(), nodes: *nodes, input: *input, output: *output, thread }
            }
            #[cfg(feature = "onnxruntime")]
            Self::OnnxRuntime(loaded) => Runner::OnnxRuntime(loaded.runner()?),
        })
    }

    /// Which engine it is, in words that change when its results could.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Rten { .. } => RTEN.to_owned(),
            #[cfg(feature = "onnxruntime")]
            Self::OnnxRuntime(loaded) => loaded.name(),
        }
    }
}

/// Runs this where the engine finds as much stack as it needs: it goes through a model by recursion, from each node to those
/// before it. Nothing if it panics, as engines do on models that contradict themselves.
fn on_a_deep_stack<T: Send>(nodes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    /// Nodes that any thread has the stack for.
    const ANY: usize = 500;
    /// Bytes for a node, some times what was measured.
    const EACH: usize = 4 << 10;
    let work = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok();
    if nodes <= ANY {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size((8 << 20) + nodes * EACH);
        thread.spawn_scoped(scope, work).ok()?.join().ok().flatten()
    })
}

impl Runner {
    /// Runs the model on a batch.
    pub(crate) fn run(&mut self, batch: Tensor, name: &str) -> Result<Tensor> {
        let hint: Text = match self {
            Self::Rten { .. } => text![
                "run it with a library of ONNX Runtime, which supports more of ONNX: ",
                setting::ONNXRUNTIME.to("PATH")
            ],
            #[cfg(feature = "onnxruntime")]
            Self::OnnxRuntime(_) => "look at the model with netron, or export it again".into(),
        };
        let failed = |why: &dyn std::fmt::Display| -> Problem {
            problem(format!("{name}: cannot be run on an image: {why}"), hint.clone())
        };
        match self {
            Self::Rten { model, nodes, input, output, thread } => {
                let value = rten::Value::from_shape(batch.shape.as_slice(), batch.values)
                    .map_err(|e| failed(&e).caused_by(e))?;
                let options = rten::RunOptions::default().with_thread_pool(Some(thread.clone()));
                let run = || model.run(vec![(*input, value.into())], &[*output], Some(options));
                let outputs = on_a_deep_stack(*nodes, run)
                    .ok_or_else(|| failed(&"the built-in engine fails on it"))?
                    .map_err(|e| failed(&e).caused_by(e))?;
                let Some(found) = outputs.into_iter().next() else { return Err(failed(&"there is no output")) };
                let found: rten_tensor::Tensor<f32> =
                    found.try_into().map_err(|_| failed(&"the output is not of single precision"))?;
                use rten_tensor::Layout as _;
                Ok(Tensor { shape: found.shape().to_vec(), values: found.into_data() })
            }
            #[cfg(feature = "onnxruntime")]
            Self::OnnxRuntime(runner) => runner.run(batch).map_err(|e| failed(&e).caused_by(e)),
        }
    }
}

/// The one place that knows the crate `ort`, whose names move between its versions.
#[cfg(feature = "onnxruntime")]
pub(crate) mod onnxruntime {
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};

    use ort::session::Session;
    use sha2::{Digest as _, Sha256};

    use leanset_problem::{Problem, Result, setting, text};

    use super::{Device, Tensor};
    use crate::error::{io, problem};

    const WHERE: &str = "pip install onnxruntime, and give what this prints: \
                         python -c 'import onnxruntime; print(onnxruntime.__path__[0])'";

    pub(crate) struct Loaded {
        environment: ort::environment::Environment,
        model: Vec<u8>,
        input: String,
        name: String,
        device: Device,
        library: String,
        /// On a GPU there is one session, and threads take turns.
        shared: Option<Arc<Mutex<Session>>>,
    }

    pub(crate) struct Runner {
        session: Arc<Mutex<Session>>,
        input: String,
    }

    impl Loaded {
        pub(crate) fn new(library: &Path, device: Device, model: &[u8], input: &str, name: &str) -> Result<Self> {
            let file = find(library)?;
            let digest = std::fs::read(&file).map_err(|e| io(&file, "cannot be read", e))?;
            let digest = hex::encode(&Sha256::digest(digest)[..8]);
            let environment = environment(&file)?;
            let mut loaded = Self {
                environment,
                model: model.to_vec(),
                input: input.to_owned(),
                name: name.to_owned(),
                device,
                library: format!("ONNX Runtime ({}, {digest})", file.file_name().unwrap_or_default().to_string_lossy()),
                shared: None,
            };
            if device != Device::Cpu {
                loaded.shared = Some(Arc::new(Mutex::new(loaded.session()?)));
            }
            Ok(loaded)
        }

        fn session(&self) -> Result<Session> {
            let failed = |e: ort::Error| {
                problem(
                    format!("{}: ONNX Runtime cannot load it: {e}", self.name),
                    text!["leave out ", &setting::ONNXRUNTIME, " to run it with the built-in engine"],
                )
                .caused_by(e)
            };
            let mut builder = Session::builder(&self.environment)
                .map_err(failed)?
                .with_intra_threads(1)
                .map_err(|e| failed(e.into()))?;
            if let Device::Cuda(card) = self.device {
                let cuda = ort::ep::CUDA::default().with_device_id(card).build().error_on_failure();
                builder = builder.with_execution_providers([cuda]).map_err(|e| {
                    let e: ort::Error = e.into();
                    problem(
                        format!("{}: ONNX Runtime cannot use GPU {card}: {e}", self.name),
                        text!["pip install onnxruntime-gpu for a library that can, or use ", setting::DEVICE.to("cpu")],
                    )
                    .caused_by(e)
                })?;
            }
            builder.commit_from_memory(&self.model).map_err(failed)
        }

        pub(crate) fn runner(&self) -> Result<Runner> {
            let session = match &self.shared {
                Some(session) => session.clone(),
                None => Arc::new(Mutex::new(self.session()?)),
            };
            Ok(Runner { session, input: self.input.clone() })
        }

        pub(crate) fn name(&self) -> String {
            match self.device {
                Device::Cpu => self.library.clone(),
                Device::Cuda(_) => format!("{}, CUDA", self.library),
            }
        }
    }

    impl Runner {
        pub(crate) fn run(&mut self, batch: Tensor) -> ort::Result<Tensor> {
            let shape: Vec<i64> = batch.shape.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect();
            let value = ort::value::Tensor::from_array((shape, batch.values))?;
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            let outputs = session.run(ort::inputs![self.input.as_str() => value])?;
            let (shape, values) = outputs[0].try_extract_tensor::<f32>()?;
            let shape = shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
            Ok(Tensor { shape, values: values.to_vec() })
        }
    }

    /// The library, once in a process.
    fn environment(file: &Path) -> Result<ort::environment::Environment> {
        static OPEN: OnceLock<Mutex<Option<(PathBuf, ort::environment::Environment)>>> = OnceLock::new();
        let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, environment)) = &*open {
            if path == file {
                return Ok(environment.clone());
            }
            let message = format!("{}: another ONNX Runtime is in use, {}", file.display(), path.display());
            return Err(problem(message, "use one library per process"));
        }
        fn failed(file: &Path, e: impl std::error::Error + Send + Sync + 'static) -> Problem {
            problem(format!("{}: cannot be used: {e}", file.display()), WHERE).caused_by(e)
        }
        let builder = ort::init_from(file).map_err(|e| failed(file, e))?;
        // No telemetry.
        let environment = builder.with_name("leanset").with_telemetry(false).build().map_err(|e| failed(file, e))?;
        *open = Some((file.to_owned(), environment.clone()));
        Ok(environment)
    }

    /// The library that a path means: itself, or in a folder.
    fn find(path: &Path) -> Result<PathBuf> {
        let absolute = std::path::absolute(path).map_err(|e| io(path, "cannot be opened", e))?;
        if absolute.is_file() {
            return Ok(absolute);
        }
        let ours = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let library = name.starts_with("libonnxruntime.") || name == "onnxruntime.dll";
            library && file.is_file()
        };
        let files = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
        let mut found: Vec<PathBuf> =
            files(absolute.clone()).chain(files(absolute.join("capi"))).filter(ours).collect();
        found.sort();
        found.into_iter().next().ok_or_else(|| {
            problem(format!("{}: is neither a library of ONNX Runtime nor a folder with one", path.display()), WHERE)
        })
    }
}
