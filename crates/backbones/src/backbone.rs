//! A model that is cut, loaded and ready to compute features.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::images::EmbeddingModel;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::bounds::Costs;
use crate::cut::{self, Found};
use crate::engine::{Device, Engine, Loaded, Runner, Tensor};
use crate::error::problem;
use crate::onnx::{self, FLOAT, ValueInfo};
use crate::preprocess::Preprocessor;
use crate::{Fit, Layer, Normalisation};

/// The side of images for models that take any and say none: what YOLO is trained with, and most classifiers.
const SIDES: (u32, u32) = (640, 224);
/// The version of preprocessing: it changes with anything that features depend on and that is not in
/// `settings_in_key`, so that nothing older is found in a cache.
const PIXELS: &str = "pixels/1";
/// The least side: below, what is in an image is gone.
const LEAST_SIDE: u32 = 8;
/// The most side: beyond, one image takes gigabytes.
const MOST_SIDE: u32 = 8192;
/// The most images that a model may insist on at once.
const MOST_BATCH: usize = 1024;

/// How a model is used. What is left out follows from the model, and [`Backbone::words`] says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Where it is cut.
    pub layer: Layer,
    /// How images are brought to its size.
    pub fit: Fit,
    /// The side of its square input, for models that take any size: 640 for an SPPF, else 224.
    pub size: Option<u32>,
    /// How pixels are normalised: to 0 to 1 for an SPPF, else with ImageNet's mean and standard deviation.
    pub normalisation: Option<Normalisation>,
    /// What runs it.
    pub engine: Engine,
}

impl TryFrom<&EmbeddingModel> for Options {
    type Error = Problem;

    /// # Errors
    /// Settings that contradict each other, or values that they cannot have.
    fn try_from(model: &EmbeddingModel) -> Result<Self> {
        let normalisation = match model.normalisation()? {
            Some((mean, std)) => Some(Normalisation { mean, std }),
            None => model.pixels.map(Normalisation::from),
        };
        let device = model.device.as_deref().map(str::parse::<Device>).transpose()?;
        let engine = match (&model.onnxruntime, device) {
            (None, None) => Engine::Rten,
            (None, Some(device)) => {
                return Err(Problem::new(text![
                    setting::DEVICE.to(device),
                    " applies to ONNX Runtime only, and the model is run by the built-in engine"
                ])
                .hint(text!["give the library with ", setting::ONNXRUNTIME.to("PATH")]));
            }
            (Some(library), device) => {
                Engine::OnnxRuntime { library: library.clone(), device: device.unwrap_or_default() }
            }
        };
        let layer = model.layer.as_deref().map_or(Layer::Auto, Layer::named);
        Ok(Self { layer, fit: model.fit.unwrap_or_default(), size: model.size, normalisation, engine })
    }
}

/// A pretrained model that computes the features of images.
///
/// It is read whole, cut ([`Layer`]), and tried on a grey image when it is opened: what cannot be used is refused then.
/// Weights in files beside it (`external_data`) are brought in.
pub struct Backbone {
    path: PathBuf,
    sha256: [u8; 32],
    key: [u8; 32],
    found: Found,
    loaded: Loaded,
    costs: Costs,
    fit: Fit,
    normalisation: Normalisation,
    /// Height and width; `None` for those of each image.
    size: Option<(u32, u32)>,
    /// Images that it takes at once; `None` for any number.
    batch: Option<usize>,
    channels_last: bool,
    dimensions: usize,
}

impl Backbone {
    /// Opens a model.
    ///
    /// # Errors
    /// A file that is not an ONNX model; no tensor by the rule of the layer; an input that is no image; what the engine says.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let name = path.display().to_string();
        let (mut model, bytes) = onnx::read(path)?;
        let mut graph = model.graph.take().unwrap_or_default();
        let found = cut::find(&graph, &options.layer, &name)?;
        let detector = cut::find(&graph, &Layer::Sppf, &name).is_ok();
        cut::keep(&mut graph, &found.tensor);
        onnx::bring_in(&mut graph, path)?;
        let inputs = cut::inputs(&graph);
        let [input] = inputs.as_slice() else {
            let names: Vec<&str> = inputs.iter().map(ValueInfo::name).collect();
            return Err(problem(
                format!("{name}: '{}' takes {} inputs, not one image: {}", found.tensor, names.len(), names.join(", ")),
                text!["choose with ", &setting::LAYER, " a tensor that depends on the image alone"],
            ));
        };
        let shape = InputShape::of(input, &name)?;
        let size = shape.size(options, if detector { SIDES.0 } else { SIDES.1 }, &name)?;
        let input = input.name().to_owned();
        let side = size.unwrap_or((SIDES.1, SIDES.1));
        let costs = Costs::new(&graph, &input, options.engine != Engine::Rten).map_err(|what| costly(&name, &what))?;
        // Before the model is loaded: what an engine can compute then, it does.
        costs
            .check(&shaped(shape.batch.unwrap_or(1), (side.0 as usize, side.1 as usize), shape.channels_last))
            .map_err(|what| costly(&name, &what))?;
        model.graph = Some(graph);
        let cut = model.encode_to_vec();
        let loaded = Loaded::new(&options.engine, &cut, costs.nodes(), &input, &found.tensor, &name)?;
        let normalisation =
            options.normalisation.unwrap_or(if detector { Normalisation::UNIT } else { Normalisation::IMAGENET });
        let mut backbone = Self {
            path: path.to_owned(),
            sha256: Sha256::digest(&bytes).into(),
            key: [0; 32],
            found,
            loaded,
            costs,
            fit: options.fit,
            normalisation,
            size,
            batch: shape.batch,
            channels_last: shape.channels_last,
            dimensions: 0,
        };
        let grey = vec![114; 3 * side.0 as usize * side.1 as usize];
        backbone.dimensions = backbone.worker()?.embed(&[(side.1, side.0, &grey)])?[0].len();
        backbone.key = digest(&[&cut, PIXELS.as_bytes(), backbone.settings_in_key().as_bytes()]);
        Ok(backbone)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 of the file.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// A hash of everything that features depend on, except the image: the part of the model that is run, the preprocessing, and
    /// the engine.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    /// Features per image.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The tensor of the features.
    pub fn tensor(&self) -> &str {
        &self.found.tensor
    }

    /// The rule by which it was found: `sppf`, `penultimate`, `output` or `named`.
    pub fn rule(&self) -> &'static str {
        match self.found.rule {
            Layer::Auto | Layer::Sppf => "sppf",
            Layer::Penultimate => "penultimate",
            Layer::Output => "output",
            Layer::Tensor(_) => "named",
        }
    }

    /// Height and width of its input; `None` for those of each image.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// How images are brought to its size.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// What becomes of pixels.
    pub fn normalisation(&self) -> Normalisation {
        self.normalisation
    }

    /// What runs it.
    pub fn engine(&self) -> String {
        self.loaded.name()
    }

    /// The resolved settings, in one line.
    pub fn words(&self) -> String {
        let rule = match self.rule() {
            "sppf" => "end of SPPF",
            "penultimate" => "input of the last fully connected layer",
            "output" => "output of the model",
            _ => "named by the user",
        };
        let size = match self.size {
            Some((height, width)) => format!("{} to {width} × {height}", self.fit),
            None => "each image at its own size".to_owned(),
        };
        let pixels = match self.normalisation {
            Normalisation::UNIT => "pixels 0 to 1".to_owned(),
            Normalisation::IMAGENET => "ImageNet's mean and standard deviation".to_owned(),
            Normalisation { mean, std } => format!("mean {mean:?}, standard deviation {std:?}"),
        };
        format!("'{}' ({rule}), {} features; {size}, {pixels}; {}", self.found.tensor, self.dimensions, self.engine())
    }

    /// The resolved settings as [`Backbone::key`] hashes them. Every character is part of the keys of existing caches, so
    /// this text never changes; a setting that is new is added at its end when it differs from its default.
    pub(crate) fn settings_in_key(&self) -> String {
        let rule = match self.rule() {
            "sppf" => "end of SPPF",
            "penultimate" => "before the last fully connected layer",
            "output" => "output",
            _ => "as named",
        };
        let size = match self.size {
            Some((height, width)) => format!("{} to {width} × {height}", self.fit),
            None => "each picture at its own size".to_owned(),
        };
        let pixels = match self.normalisation {
            Normalisation::UNIT => "pixels 0 to 1".to_owned(),
            Normalisation::IMAGENET => "ImageNet's mean and deviation".to_owned(),
            Normalisation { mean, std } => format!("mean {mean:?}, deviation {std:?}"),
        };
        format!("'{}' ({rule}), {} numbers; {size}, {pixels}; {}", self.found.tensor, self.dimensions, self.engine())
    }

    /// What one thread computes features with.
    ///
    /// # Errors
    /// If the engine cannot start another.
    pub fn worker(&self) -> Result<Worker<'_>> {
        let preprocessor = Preprocessor::new(self.size, self.fit, self.normalisation, self.channels_last);
        Ok(Worker { backbone: self, preprocessor, runner: self.loaded.runner()?, checked: HashSet::new() })
    }
}

impl std::fmt::Debug for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Backbone({}: {})", self.path.display(), self.words())
    }
}

/// A width, a height, and as many times red, green and blue.
type Rgb<'p> = (u32, u32, &'p [u8]);

/// One thread's part of a [`Backbone`].
pub struct Worker<'b> {
    backbone: &'b Backbone,
    preprocessor: Preprocessor,
    runner: Runner,
    /// Shapes of the input that the model was found to be in proportion for.
    checked: HashSet<Vec<usize>>,
}

impl Worker<'_> {
    /// The features of images, each a width, a height and bytes of red, green and blue, row after row. They are run together
    /// where the model takes several at once and all come to one size.
    ///
    /// # Errors
    /// What the engine says; a tensor that is not a row for each image; a number that is not finite.
    pub fn embed(&mut self, images: &[Rgb<'_>]) -> Result<Vec<Vec<f32>>> {
        // At their own sizes images go alone, whatever the model takes at once.
        let most = match self.backbone.size {
            None => 1,
            Some(_) => self.backbone.batch.unwrap_or(usize::MAX),
        };
        let mut out = Vec::with_capacity(images.len());
        for batch in images.chunks(most) {
            out.extend(self.batch(batch)?);
        }
        Ok(out)
    }

    fn batch(&mut self, images: &[Rgb<'_>]) -> Result<Vec<Vec<f32>>> {
        let mut values = Vec::new();
        let (mut height, mut width) = (0, 0);
        for (w, h, rgb) in images {
            (height, width) = self.preprocessor.append((*w, *h), rgb, &mut values);
        }
        let rows = self.backbone.batch.unwrap_or(images.len());
        let shape = shaped(rows, (height, width), self.backbone.channels_last);
        let name = self.backbone.path.display().to_string();
        if self.checked.insert(shape.clone()) {
            self.backbone.costs.check(&shape).map_err(|what| costly(&name, &what))?;
        }
        values.resize(rows * 3 * height * width, 0.0);
        let found = self.runner.run(Tensor { shape, values }, &name)?;
        let mut described = rows_of(&found, rows).map_err(|what| {
            let tensor = &self.backbone.found.tensor;
            problem(
                format!("{name}: '{tensor}' {what}"),
                text!["choose another tensor with ", &setting::LAYER, ", or another size with ", &setting::SIZE],
            )
        })?;
        described.truncate(images.len());
        let wanted = self.backbone.dimensions;
        if let Some(other) = described.iter().map(Vec::len).find(|&n| n != wanted && wanted > 0) {
            let (tensor, (width, height, _)) = (&self.backbone.found.tensor, images[0]);
            return Err(problem(
                format!(
                    "{name}: '{tensor}' has {other} features for {width} × {height} pixels and {wanted} for other sizes"
                ),
                text![
                    setting::FIT.to(Fit::Letterbox),
                    " gives all images one size; or choose with ",
                    &setting::LAYER,
                    " a tensor with height and width, which are averaged"
                ],
            ));
        }
        Ok(described)
    }
}

/// The shape of a batch of images.
fn shaped(rows: usize, (height, width): (usize, usize), channels_last: bool) -> Vec<usize> {
    if channels_last { vec![rows, height, width, 3] } else { vec![rows, 3, height, width] }
}

/// A model that is out of proportion.
fn costly(name: &str, what: &str) -> Problem {
    problem(
        format!("{name}: {what}"),
        text![
            "use another model; or cut it before that operation with ",
            &setting::LAYER,
            ", or give it smaller images with ",
            &setting::SIZE
        ],
    )
}

/// A row for each image: what has height and width, or tokens, is averaged over them.
fn rows_of(tensor: &Tensor, rows: usize) -> Result<Vec<Vec<f32>>, String> {
    let shape = tensor.shape.as_slice();
    let strange = || format!("has the shape {shape:?} for {rows} images: a row, a map or tokens for each is needed");
    let (first, rest) = shape.split_first().ok_or_else(strange)?;
    let numbers: usize = rest.iter().product();
    if *first != rows || numbers == 0 || tensor.values.len() != rows * numbers {
        return Err(strange());
    }
    let row = |values: &[f32]| -> Option<Vec<f32>> {
        match *rest {
            [_] => Some(values.to_vec()),
            [_, h, w] => Some(values.chunks(h * w).map(mean).collect()),
            [tokens, dimensions] => {
                let column = |d: usize| values[d..].iter().step_by(dimensions).map(|v| f64::from(*v)).sum::<f64>();
                #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
                // features are of single precision
                Some((0..dimensions).map(|d| (column(d) / tokens as f64) as f32).collect())
            }
            _ => None,
        }
    };
    let found: Option<Vec<_>> = tensor.values.chunks(numbers).map(row).collect();
    let found = found.ok_or_else(strange)?;
    match found.iter().flatten().find(|v| !v.is_finite()) {
        Some(value) => Err(format!("holds {value} for an image, which is not a finite number")),
        None => Ok(found),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // features are of single precision
fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64) as f32
}

/// What the input says of itself.
struct InputShape {
    batch: Option<usize>,
    height: Option<u32>,
    width: Option<u32>,
    channels_last: bool,
}

impl InputShape {
    fn of(input: &ValueInfo, name: &str) -> Result<Self> {
        let refuse = |what: String, hint: &'static str| {
            Err(problem(format!("{name}: the input '{}' {what}", input.name()), hint))
        };
        let Some(tensor) = input.tensor() else {
            return refuse("is not a tensor".into(), "use a model whose input is an image");
        };
        if tensor.elements != Some(FLOAT) {
            let hint = "export the model in single precision: half=False, and no quantised input";
            return refuse("does not take numbers of single precision".into(), hint);
        }
        let sides: Vec<Option<i64>> = match &tensor.shape {
            Some(shape) => shape.dimensions.iter().map(|d| d.value.filter(|v| *v > 0)).collect(),
            None => vec![None; 4],
        };
        let [batch, a, b, c] = sides.as_slice() else {
            let what = format!("has {} dimensions, and a batch of images has 4", sides.len());
            return refuse(what, "use a model whose input is an image");
        };
        let channels_last = match (a, c) {
            (Some(3), _) | (None, None) => false,
            (_, Some(3)) => true,
            (None, _) => false,
            _ => {
                let hint = "use a model that takes red, green and blue";
                return refuse(format!("has {} channels, not 3", a.unwrap_or_default()), hint);
            }
        };
        let side = |side: Option<i64>| side.and_then(|s| u32::try_from(s).ok());
        let (height, width) = if channels_last { (side(*a), side(*b)) } else { (side(*b), side(*c)) };
        Ok(Self { batch: batch.and_then(|b| usize::try_from(b).ok()), height, width, channels_last })
    }

    /// Height and width of the input; `None` for those of each image.
    fn size(&self, options: &Options, side: u32, name: &str) -> Result<Option<(u32, u32)>> {
        let fixed = self.height.is_some() || self.width.is_some();
        let own = || format!("{} × {}", self.width.unwrap_or(0), self.height.unwrap_or(0));
        if options.fit == Fit::Native {
            if let Some(size) = options.size {
                let message = text![
                    setting::SIZE.to(size),
                    " and ",
                    setting::FIT.to(Fit::Native),
                    " contradict each other: native takes each image at its own size"
                ];
                return Err(Problem::new(message).hint("leave one of them out"));
            }
            if fixed {
                return Err(problem(
                    format!("{name}: takes images of {} pixels only, not each at its own size", own()),
                    text![
                        "export it with dynamic=True (YOLO) or dynamic axes, or leave out ",
                        setting::FIT.to(Fit::Native)
                    ],
                ));
            }
            return Ok(None);
        }
        if let Some(size) = options.size {
            if !(LEAST_SIDE..=MOST_SIDE).contains(&size) {
                let message = text![&setting::SIZE, format!(" must be in [{LEAST_SIDE}, {MOST_SIDE}], not {size}")];
                return Err(Problem::new(message).hint("640 or 224 are usual"));
            }
            if [self.height, self.width].into_iter().flatten().any(|s| s != size) {
                let message = text![format!("{name}: takes images of {} pixels, not ", own()), setting::SIZE.to(size)];
                return Err(Problem::new(message).hint(text![
                    "leave out ",
                    &setting::SIZE,
                    ", or export the model with dynamic axes"
                ]));
            }
        }
        let most = [self.height, self.width].into_iter().flatten().max().unwrap_or(0);
        if most > MOST_SIDE || self.batch.is_some_and(|b| b > MOST_BATCH) {
            let batch = self.batch.unwrap_or(1);
            return Err(problem(
                format!("{name}: takes {batch} images of {} pixels at once, more than any memory holds", own()),
                format!("use a model of at most {MOST_SIDE} pixels per side and {MOST_BATCH} images at once"),
            ));
        }
        let side = options.size.unwrap_or(side);
        Ok(Some((self.height.unwrap_or(side), self.width.unwrap_or(side))))
    }
}

/// One hash of several pieces.
fn digest(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    }
    hash.finalize().into()
}
