//! Small models made here, run by the built-in engine, against the same computed plainly.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use crate::onnx::{Dimension, Entry, Graph, Kind, Model, Node, Shape, Tensor, TensorKind, ValueInfo};
use crate::{Backbone, Engine, Fit, Layer, Normalisation, Options};

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, optional, tag = "3")]
    int: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Opset {
    #[prost(int64, tag = "2")]
    version: i64,
}

fn int(name: &str, value: i64) -> Bytes {
    Attribute { name: name.into(), int: Some(value), ints: Vec::new(), kind: 2 }.encode_to_vec().into()
}

fn ints(name: &str, values: &[i64]) -> Bytes {
    Attribute { name: name.into(), int: None, ints: values.to_vec(), kind: 7 }.encode_to_vec().into()
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Bytes]) -> Node {
    Node {
        input: inputs.iter().map(|s| (*s).to_owned()).collect(),
        output: vec![output.into()],
        name: Some(format!("node {output}")),
        op_type: Some(op.into()),
        attribute: attributes.to_vec(),
        ..Node::default()
    }
}

fn convolution(input: &str, weights: &str, output: &str) -> Node {
    node("Conv", &[input, weights], output, &[ints("kernel_shape", &[1, 1]), ints("strides", &[1, 1])])
}

fn weights(name: &str, dimensions: &[i64], values: &[f32]) -> Tensor {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Tensor {
        dimensions: dimensions.to_vec(),
        elements: Some(1),
        name: Some(name.into()),
        raw: Some(raw.into()),
        ..Tensor::default()
    }
}

/// Dimensions of −1 are of any size.
fn value(name: &str, elements: i32, dimensions: &[i64]) -> ValueInfo {
    let dimension = |&d: &i64| match d {
        -1 => Dimension { name: Some("any".into()), ..Dimension::default() },
        d => Dimension { value: Some(d), ..Dimension::default() },
    };
    let shape = Shape { dimensions: dimensions.iter().map(dimension).collect() };
    let tensor = TensorKind { elements: Some(elements), shape: Some(shape) };
    ValueInfo {
        name: Some(name.into()),
        kind: Some(Kind { tensor: Some(tensor), ..Kind::default() }),
        ..ValueInfo::default()
    }
}

#[derive(Clone)]
struct Made {
    nodes: Vec<Node>,
    weights: Vec<Tensor>,
    input: ValueInfo,
    outputs: Vec<&'static str>,
}

impl Made {
    fn write(&self, folder: &Path) -> PathBuf {
        let graph = Graph {
            node: self.nodes.clone(),
            name: Some("g".into()),
            initializer: self.weights.iter().map(|w| w.encode_to_vec().into()).collect(),
            input: vec![self.input.clone()],
            output: self.outputs.iter().map(|o| value(o, 1, &[])).collect(),
            ..Graph::default()
        };
        let model = Model {
            ir_version: Some(8),
            graph: Some(graph),
            opset_import: vec![Opset { version: 17 }.encode_to_vec().into()],
            ..Model::default()
        };
        let path = folder.join("model.onnx");
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        path
    }
}

/// Numbers that look random, in −1 to 1.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// A convolution, SiLU, an SPPF and a head, as YOLO exports them.
fn detector(dimensions: &[i64]) -> Made {
    let pool = [ints("kernel_shape", &[5, 5]), ints("strides", &[1, 1]), ints("pads", &[2, 2, 2, 2])];
    Made {
        nodes: vec![
            convolution("images", "w1", "c1"),
            node("Sigmoid", &["c1"], "s1", &[]),
            node("Mul", &["c1", "s1"], "a1", &[]),
            node("MaxPool", &["a1"], "p1", &pool),
            node("MaxPool", &["p1"], "p2", &pool),
            node("MaxPool", &["p2"], "p3", &pool),
            node("Concat", &["a1", "p1", "p2", "p3"], "j", &[int("axis", 1)]),
            convolution("j", "w2", "c2"),
            node("Sigmoid", &["c2"], "s2", &[]),
            node("Mul", &["c2", "s2"], "end", &[]),
            convolution("end", "w3", "boxes"),
            node("Transpose", &["boxes"], "output0", &[ints("perm", &[0, 2, 3, 1])]),
        ],
        weights: vec![
            weights("w1", &[2, 3, 1, 1], &numbers(1, 6)),
            weights("w2", &[4, 8, 1, 1], &numbers(2, 32)),
            weights("w3", &[5, 4, 1, 1], &numbers(3, 20)),
        ],
        input: value("images", 1, dimensions),
        outputs: vec!["output0"],
    }
}

/// What the detector's SPPF ends in, averaged: computed from the definition.
fn plainly(pixels: &[f32], height: usize, width: usize) -> Vec<f32> {
    let size = height * width;
    let one_by_one = |input: &[Vec<f32>], weights: &[f32]| -> Vec<Vec<f32>> {
        let row = |w: &[f32]| -> Vec<f32> {
            let sum = |i: usize| w.iter().zip(input).map(|(w, channel)| w * channel[i]).sum::<f32>();
            (0..size).map(|i| sum(i) / (1.0 + (-sum(i)).exp())).collect()
        };
        weights.chunks(input.len()).map(row).collect()
    };
    let pool = |channel: &Vec<f32>| -> Vec<f32> {
        let at = |y: usize, x: usize| {
            let (ys, xs) = (y.saturating_sub(2)..(y + 3).min(height), x.saturating_sub(2)..(x + 3).min(width));
            ys.flat_map(|y| xs.clone().map(move |x| (y, x)))
                .map(|(y, x)| channel[y * width + x])
                .fold(f32::MIN, f32::max)
        };
        (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).map(|(y, x)| at(y, x)).collect()
    };
    let first: Vec<Vec<f32>> =
        one_by_one(&pixels.chunks(size).map(<[f32]>::to_vec).collect::<Vec<_>>(), &numbers(1, 6));
    let second: Vec<Vec<f32>> = first.iter().map(pool).collect();
    let third: Vec<Vec<f32>> = second.iter().map(pool).collect();
    let fourth: Vec<Vec<f32>> = third.iter().map(pool).collect();
    let joined = [first, second, third, fourth].concat();
    one_by_one(&joined, &numbers(2, 32)).iter().map(|c| c.iter().sum::<f32>() / size as f32).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn image(seed: u32, width: u32, height: u32) -> Vec<u8> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 255
    numbers(seed, 3 * width as usize * height as usize).iter().map(|v| ((v + 1.0) * 127.0) as u8).collect()
}

/// The numbers of an image, channels first, 0 to 1.
fn channels(rgb: &[u8]) -> Vec<f32> {
    (0..3).flat_map(|c| rgb[c..].iter().step_by(3).map(|v| f32::from(*v) / 255.0)).collect()
}

fn open(made: &Made, options: &Options) -> leanset_problem::Result<Backbone> {
    Backbone::open(&made.write(folder().path()), options)
}

fn refusal(made: &Made, options: &Options) -> (String, String) {
    let error = open(made, options).expect_err("refused");
    let message = error.to_string();
    (
        message[message.find("model.onnx").map_or(0, |i| i)..].to_owned(),
        error.hint_text().map(ToString::to_string).unwrap_or_default(),
    )
}

fn layer(layer: Layer) -> Options {
    Options { layer, ..Options::default() }
}

#[test]
fn layer_sppf_is_the_end_of_the_sppf() {
    let backbone =
        open(&detector(&[-1, 3, -1, -1]), &Options { size: Some(12), ..Options::default() }).expect("a model");
    assert_eq!((backbone.tensor(), backbone.rule(), backbone.dimensions()), ("end", "sppf", 4));
    assert_eq!(backbone.normalisation(), Normalisation::UNIT);
    let rgb = image(9, 12, 12);
    let found = backbone.worker().and_then(|mut w| w.embed(&[(12, 12, &rgb)])).expect("described");
    for (a, b) in found[0].iter().zip(plainly(&channels(&rgb), 12, 12)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn fit_native_leaves_pixels_unchanged() {
    let options = Options { fit: Fit::Native, ..Options::default() };
    let backbone = open(&detector(&[-1, 3, -1, -1]), &options).expect("a model");
    let mut worker = backbone.worker().expect("a worker");
    let (a, b) = (image(1, 17, 11), image(2, 9, 20));
    let found = worker.embed(&[(17, 11, &a), (9, 20, &b)]).expect("described");
    for (found, (rgb, height, width)) in found.iter().zip([(a, 11, 17), (b, 20, 9)]) {
        for (a, b) in found.iter().zip(plainly(&channels(&rgb), height, width)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn worker_gives_the_same_features_alone_and_in_a_batch() {
    let images: Vec<Vec<u8>> = (0..5).map(|i| image(i, 30, 20)).collect();
    let all: Vec<(u32, u32, &[u8])> = images.iter().map(|p| (30, 20, p.as_slice())).collect();
    for batch in [-1, 1, 4] {
        let options = Options { size: Some(16), ..Options::default() };
        let backbone = open(&detector(&[batch, 3, -1, -1]), &options).expect("a model");
        let mut worker = backbone.worker().expect("a worker");
        let together = worker.embed(&all).expect("described");
        let alone: Vec<_> = all.iter().map(|p| worker.embed(&[*p]).expect("described").remove(0)).collect();
        assert_eq!(together, alone, "batch {batch}");
    }
}

#[test]
fn layer_sppf_does_not_match_other_poolings() {
    let rule =
        |made: &Made| open(made, &Options { size: Some(8), ..layer(Layer::Sppf) }).map(|b| b.tensor().to_owned());
    // Side by side, as in SPP.
    let mut side = detector(&[-1, 3, -1, -1]);
    for (index, node) in [(4, "p2"), (5, "p3")] {
        assert_eq!(side.nodes[index].output, [node]);
        side.nodes[index].input = vec!["a1".into()];
    }
    assert_eq!(rule(&side).expect("SPP"), "end");
    // Of another tensor.
    let mut other = detector(&[-1, 3, -1, -1]);
    other.nodes[3].input = vec!["c1".into()];
    assert!(rule(&other).is_err());
    // Two poolings.
    let mut two = detector(&[-1, 3, -1, -1]);
    two.nodes[6].input.pop();
    assert!(rule(&two).is_err());
    // The order of what is joined does not matter, nor an activation of one node, nor none.
    let mut turned = detector(&[-1, 3, -1, -1]);
    turned.nodes[6].input.rotate_left(2);
    assert_eq!(rule(&turned).expect("SPPF"), "end");
    let mut relu = detector(&[-1, 3, -1, -1]);
    relu.nodes.remove(8);
    relu.nodes[8] = node("Relu", &["c2"], "end", &[]);
    assert_eq!(rule(&relu).expect("SPPF"), "end");
    let mut bare = detector(&[-1, 3, -1, -1]);
    bare.nodes.drain(8..10);
    bare.nodes[8].input[0] = "c2".into();
    assert_eq!(rule(&bare).expect("SPPF"), "c2");
}

/// Average, flatten, fully connected, softmax.
fn classifier(tail: &[Node]) -> Made {
    let mut nodes = vec![
        convolution("x", "w1", "c"),
        node("GlobalAveragePool", &["c"], "g", &[]),
        node("Flatten", &["g"], "f", &[]),
    ];
    nodes.extend_from_slice(tail);
    Made {
        nodes,
        weights: vec![
            weights("w1", &[4, 3, 1, 1], &numbers(1, 12)),
            weights("w2", &[4, 7], &numbers(2, 28)),
            weights("b2", &[7], &numbers(3, 7)),
        ],
        input: value("x", 1, &[-1, 3, 16, 16]),
        outputs: vec!["y"],
    }
}

#[test]
fn layer_auto_cuts_a_classifier_before_its_last_layer() {
    for tail in [
        vec![node("Gemm", &["f", "w2", "b2"], "y", &[])],
        vec![
            node("MatMul", &["f", "w2"], "m", &[]),
            node("Add", &["b2", "m"], "a", &[]),
            node("Softmax", &["a"], "y", &[]),
        ],
    ] {
        let backbone = open(&classifier(&tail), &Options::default()).expect("a model");
        assert_eq!((backbone.tensor(), backbone.rule(), backbone.dimensions()), ("f", "penultimate", 4));
        assert_eq!((backbone.size(), backbone.normalisation()), (Some((16, 16)), Normalisation::IMAGENET));
    }
    let without = classifier(&[node("Identity", &["f"], "y", &[])]);
    let backbone = open(&without, &Options::default()).expect("a model");
    assert_eq!((backbone.tensor(), backbone.rule()), ("y", "output"));
    let named = open(&classifier(&[node("Gemm", &["f", "w2", "b2"], "y", &[])]), &layer(Layer::Tensor("c".into())));
    let named = named.expect("a model");
    assert_eq!((named.tensor(), named.rule(), named.dimensions()), ("c", "named", 4));
}

#[test]
fn worker_averages_tokens() {
    let made = classifier(&[
        node("Reshape", &["c", "s"], "t", &[]),
        node("Transpose", &["t"], "y", &[ints("perm", &[0, 2, 1])]),
    ]);
    let mut made = made;
    let mut shape = weights("s", &[3], &[]);
    shape.elements = Some(7);
    shape.raw = Some([0i64, 4, -1].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into());
    made.weights.push(shape);
    let rgb = image(4, 16, 16);
    let describe = |tensor: &str| {
        let backbone = open(&made, &layer(Layer::Tensor(tensor.into()))).expect("a model");
        backbone.worker().and_then(|mut w| w.embed(&[(16, 16, &rgb)])).expect("described").remove(0)
    };
    for (a, b) in describe("y").iter().zip(describe("f")) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn layer_errors_name_the_tensors_to_choose_from() {
    let mut none = detector(&[-1, 3, -1, -1]);
    none.nodes[3].input = vec!["c1".into()];
    let (message, hint) = refusal(&none, &Options::default());
    assert_eq!(
        message,
        "model.onnx: has neither an SPPF, nor a last fully connected layer, nor a description as its only output"
    );
    assert!(hint.contains("outputs are output0"), "{hint}");
    let gemm = [node("Gemm", &["f", "w2", "b2"], "y", &[])];
    let (message, hint) = refusal(&classifier(&gemm), &layer(Layer::Tensor("z".into())));
    assert_eq!(message, "model.onnx: has no tensor 'z'");
    assert!(hint.ends_with("inputs of fully connected layers are f"), "{hint}");
    let mut two = classifier(&[node("Identity", &["f"], "y", &[])]);
    two.outputs.push("c");
    assert_eq!(refusal(&two, &layer(Layer::Output)).0, "model.onnx: has 2 outputs, not one");
}

#[test]
fn open_refuses_inputs_that_are_not_images() {
    let of = |elements: i32, dimensions: &[i64]| {
        let mut made = detector(&[-1, 3, -1, -1]);
        made.input = value("images", elements, dimensions);
        refusal(&made, &Options::default()).0
    };
    assert_eq!(of(10, &[1, 3, 8, 8]), "model.onnx: the input 'images' does not take numbers of single precision");
    assert_eq!(of(1, &[1, 1, 8, 8]), "model.onnx: the input 'images' has 1 channels, not 3");
    assert_eq!(of(1, &[1, 3, 8]), "model.onnx: the input 'images' has 3 dimensions, and a batch of images has 4");
}

#[test]
fn open_refuses_contradicting_sizes() {
    let fixed = detector(&[1, 3, 32, 32]);
    let size = |size| Options { size: Some(size), ..Options::default() };
    assert_eq!(refusal(&fixed, &size(64)).0, "model.onnx: takes images of 32 × 32 pixels, not size=64");
    let native = Options { fit: Fit::Native, ..Options::default() };
    assert_eq!(refusal(&fixed, &native).0, "model.onnx: takes images of 32 × 32 pixels only, not each at its own size");
    assert_eq!(refusal(&fixed, &size(4)).0, "size must be in [8, 8192], not 4");
    let both = Options { size: Some(64), ..native };
    assert!(refusal(&detector(&[-1, 3, -1, -1]), &both).0.starts_with("size=64 and fit=native contradict each other"));
}

/// The key changes with what a description follows from, and with nothing else.
#[test]
fn key_changes_with_what_is_run_and_with_nothing_else() {
    let key = |made: &Made, options: &Options| open(made, options).expect("a model").key();
    let (made, options) = (detector(&[-1, 3, -1, -1]), Options { size: Some(16), ..Options::default() });
    let first = key(&made, &options);
    assert_eq!(first, key(&made, &options));
    let mut head = made.clone();
    head.weights[2] = weights("w3", &[5, 4, 1, 1], &numbers(77, 20));
    assert_eq!(first, key(&head, &options), "the head is not run");
    let mut body = made.clone();
    body.weights[1] = weights("w2", &[4, 8, 1, 1], &numbers(77, 32));
    assert_ne!(first, key(&body, &options));
    for other in [
        Options { size: Some(24), ..options.clone() },
        Options { fit: Fit::Stretch, ..options.clone() },
        Options { normalisation: Some(Normalisation::IMAGENET), ..options.clone() },
        Options { layer: Layer::Tensor("a1".into()), ..options.clone() },
    ] {
        assert_ne!(first, key(&made, &other), "{other:?}");
    }
}

/// Caches of earlier versions are found by this text: not a character of it may change.
#[test]
fn settings_in_key_are_a_text_that_never_changes() {
    let text = |options: Options| {
        let backbone = open(&detector(&[-1, 3, -1, -1]), &options).expect("a model");
        backbone.settings_in_key().replace(crate::engine::RTEN, "ENGINE")
    };
    let small = Options { size: Some(16), ..Options::default() };
    assert_eq!(text(small.clone()), "'end' (end of SPPF), 4 numbers; letterbox to 16 × 16, pixels 0 to 1; ENGINE");
    assert_eq!(
        text(Options { fit: Fit::Native, layer: Layer::Tensor("a1".into()), ..Options::default() }),
        "'a1' (as named), 2 numbers; each picture at its own size, pixels 0 to 1; ENGINE"
    );
    let imagenet = Options { normalisation: Some(Normalisation::IMAGENET), fit: Fit::Crop, ..small.clone() };
    assert_eq!(
        text(imagenet),
        "'end' (end of SPPF), 4 numbers; crop to 16 × 16, ImageNet's mean and deviation; ENGINE"
    );
    let given = Normalisation { mean: [0.5; 3], std: [0.25; 3] };
    assert_eq!(
        text(Options { normalisation: Some(given), ..small }),
        "'end' (end of SPPF), 4 numbers; letterbox to 16 × 16, mean [0.5, 0.5, 0.5], deviation [0.25, 0.25, 0.25]; ENGINE"
    );
    let classifier = classifier(&[node("Gemm", &["f", "w2", "b2"], "y", &[])]);
    let backbone = open(&classifier, &Options::default()).expect("a model");
    assert!(backbone.settings_in_key().starts_with("'f' (before the last fully connected layer), 4 numbers; "));
    let backbone = open(&classifier, &layer(Layer::Output)).expect("a model");
    assert!(backbone.settings_in_key().starts_with("'y' (output), 7 numbers; "));
}

#[test]
fn open_reads_external_weights() {
    let place = folder();
    let inside = detector(&[-1, 3, -1, -1]);
    let mut outside = inside.clone();
    let raw = outside.weights[1].raw.take().expect("weights");
    let entry = |key: &str, value: &str| Entry { key: Some(key.into()), value: Some(value.into()) };
    outside.weights[1].location = Some(1);
    outside.weights[1].elsewhere = vec![entry("location", "model.data"), entry("offset", "16"), entry("length", "128")];
    let file = place.path().join("model.data");
    std::fs::write(&file, [&[1; 16], raw.as_ref(), &[2; 8]].concat()).expect("written");
    let options = Options { size: Some(16), ..Options::default() };
    let key = Backbone::open(&outside.write(place.path()), &options).expect("a model").key();
    assert_eq!(key, open(&inside, &options).expect("a model").key());
    std::fs::write(&file, [1; 100]).expect("written");
    let error = Backbone::open(&outside.write(place.path()), &options).expect_err("too short");
    assert!(
        error.to_string().ends_with("model.data: the weights 'w2' cannot be read: the file is too short"),
        "{error}"
    );
    outside.weights[1].elsewhere = vec![entry("location", "../model.data")];
    let error = Backbone::open(&outside.write(place.path()), &options).expect_err("outside");
    assert!(error.to_string().contains("outside the model's folder"), "{error}");
}

#[test]
fn open_refuses_files_that_are_not_models() {
    let place = folder();
    let missing = Backbone::open(&place.path().join("yolov5m.onnx"), &Options::default()).expect_err("missing");
    let hint = missing.hint_text().map(ToString::to_string).unwrap_or_default();
    assert!(hint.contains("pip install ultralytics onnx") && hint.contains("yolo export model=yolov5mu.pt"), "{hint}");
    assert_eq!(missing.io_kind(), Some(std::io::ErrorKind::NotFound));
    for bytes in [&b"no model at all"[..], b"", b"\x08\x08"] {
        let path = place.path().join("model.onnx");
        std::fs::write(&path, bytes).expect("written");
        let error = Backbone::open(&path, &Options::default()).expect_err("no model");
        assert!(error.to_string().contains("model.onnx: is not an ONNX model"), "{error}");
    }
    let engine = Engine::OnnxRuntime { library: place.path().to_owned(), device: crate::Device::Cpu };
    let error = open(&detector(&[-1, 3, -1, -1]), &Options { engine, ..Options::default() }).expect_err("no library");
    if cfg!(feature = "onnxruntime") {
        assert!(error.to_string().ends_with("is neither a library of ONNX Runtime nor a folder with one"), "{error}");
    }
}

/// A number that is not finite is an error, not a feature.
#[test]
fn worker_refuses_features_that_are_not_finite() {
    let mut made = classifier(&[node("Gemm", &["f", "w2", "b2"], "y", &[])]);
    made.weights[0] = weights("w1", &[4, 3, 1, 1], &[f32::MAX; 12]);
    let error = open(
        &made,
        &Options { normalisation: Some(Normalisation { mean: [-9.0; 3], std: [1.0; 3] }), ..Options::default() },
    );
    assert!(error.expect_err("infinite").to_string().contains("which is not a finite number"));
}

/// A tensor whose length follows from the size of the image is no description of images of many sizes.
#[test]
fn worker_refuses_features_of_another_length() {
    let made = classifier(&[node("ReduceMean", &["c"], "y", &[ints("axes", &[1, 2]), int("keepdims", 0)])]);
    let made = Made { input: value("x", 1, &[-1, 3, -1, -1]), ..made };
    let options = Options { fit: Fit::Native, ..layer(Layer::Output) };
    let backbone = open(&made, &options).expect("a model");
    let mut worker = backbone.worker().expect("a worker");
    let error = worker.embed(&[(40, 30, &image(1, 40, 30))]).expect_err("another length");
    let message = error.to_string();
    assert!(message.ends_with("'y' has 40 features for 40 × 30 pixels and 224 for other sizes"), "{message}");
}

/// A model that takes four at once is given them one by one where each has its own size.
#[test]
fn worker_runs_images_of_different_sizes_one_by_one() {
    let backbone = open(&detector(&[4, 3, -1, -1]), &Options { fit: Fit::Native, ..Options::default() });
    let backbone = backbone.expect("a model");
    let mut worker = backbone.worker().expect("a worker");
    let (a, b) = (image(1, 17, 11), image(2, 9, 20));
    let found = worker.embed(&[(17, 11, &a), (9, 20, &b)]).expect("described");
    for (found, (rgb, height, width)) in found.iter().zip([(a, 11, 17), (b, 20, 9)]) {
        for (a, b) in found.iter().zip(plainly(&channels(&rgb), height, width)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn cut_ends_on_cyclic_graphs() {
    let circle = classifier(&[node("Identity", &["y"], "y", &[])]);
    assert!(refusal(&circle, &Options::default()).0.contains("has neither an SPPF"));
    let mut ring = detector(&[-1, 3, -1, -1]);
    ring.nodes.drain(8..10);
    ring.nodes.insert(8, node("BatchNormalization", &["c2"], "n1", &[]));
    ring.nodes.insert(9, node("BatchNormalization", &["n1"], "c2", &[]));
    ring.nodes[10].input[0] = "n2".into();
    assert!(open(&ring, &Options { size: Some(8), ..layer(Layer::Sppf) }).is_err());
}

/// Parts of one are a decision, not a description.
#[test]
fn layer_auto_refuses_probabilities() {
    let tail = [node("Softmax", &["f"], "y", &[])];
    assert!(refusal(&classifier(&tail), &Options::default()).0.contains("nor a description"));
    assert!(open(&classifier(&tail), &layer(Layer::Output)).is_ok(), "unless it is asked for");
}

#[test]
fn cut_ignores_omitted_names() {
    let mut made = classifier(&[node("Gemm", &["f", "w2", "b2"], "y", &[])]);
    made.nodes[0].input.push(String::new());
    let mut other = node("Identity", &["extra"], "z", &[]);
    other.output.push(String::new());
    made.nodes.push(other);
    assert_eq!(open(&made, &Options::default()).expect("a model").tensor(), "f");
}

#[test]
fn open_refuses_sizes_beyond_memory() {
    let message = refusal(&detector(&[1, 3, 2_000_000, 2_000_000]), &Options::default()).0;
    assert_eq!(message, "model.onnx: takes 1 images of 2000000 × 2000000 pixels at once, more than any memory holds");
    assert!(refusal(&detector(&[2_000_000_000, 3, 64, 64]), &Options::default()).0.contains("takes 2000000000 images"));
    let options = Options { size: Some(1_000_000), ..Options::default() };
    assert!(refusal(&detector(&[-1, 3, -1, -1]), &options).0.starts_with("size must be in [8, 8192]"));
}

/// The engine's version is part of the key: another one may round otherwise.
#[test]
fn engine_name_has_the_locked_version() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock = std::fs::read_to_string(lock).expect("the lock file");
    let after = lock.split("name = \"rten\"\nversion = \"").nth(1).expect("rten is locked");
    let version = after.split('"').next().expect("a version");
    assert_eq!(crate::engine::RTEN, format!("rten {version}"));
}

/// Whole numbers as weights.
fn whole(name: &str, values: &[i64]) -> Tensor {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Tensor {
        dimensions: vec![i64::try_from(values.len()).unwrap_or(i64::MAX)],
        elements: Some(7),
        name: Some(name.into()),
        raw: Some(raw.into()),
        ..Tensor::default()
    }
}

/// A model of these nodes behind an image of 3 × 16 × 16, with the tensor `out`.
fn behind_an_image(nodes: Vec<Node>, weights: Vec<Tensor>) -> Made {
    Made { nodes, weights, input: value("images", 1, &[1, 3, 16, 16]), outputs: vec!["out"] }
}

fn named(tensor: &str) -> Options {
    layer(Layer::Tensor(tensor.into()))
}

#[test]
fn open_refuses_models_out_of_proportion() {
    const HUGE: i64 = 1 << 40;
    let number = |name: &str, value: i64| Tensor { dimensions: Vec::new(), ..whole(name, &[value]) };
    let sum = |input: &str| node("Add", &["images", input], "out", &[]);
    let double = |i: usize| {
        let (from, to) = (format!("t{i}"), format!("t{}", i + 1));
        node("Concat", &[&from, &from], &to, &[int("axis", 1)])
    };
    let mut doubled = vec![node("Identity", &["images"], "t0", &[])];
    doubled.extend((0..50).map(double));
    doubled.push(node("GlobalAveragePool", &["t50"], "out", &[]));
    let by_pixels = vec![
        node("ReduceSum", &["images"], "sum", &[int("keepdims", 0)]),
        node("Cast", &["sum"], "count", &[int("to", 7)]),
        node("Unsqueeze", &["count", "zero"], "shape", &[]),
        node("ConstantOfShape", &["shape"], "bomb", &[]),
        node("ReduceSum", &["bomb"], "one", &[int("keepdims", 0)]),
        sum("one"),
    ];
    let made_of_made = vec![
        node("Mul", &["a", "a"], "b", &[]),
        node("Mul", &["b", "b"], "c", &[]),
        node("ConstantOfShape", &["c"], "bomb", &[]),
        node("ReduceSum", &["bomb"], "one", &[int("keepdims", 0)]),
        sum("one"),
    ];
    let reduced = |bomb: Node| vec![bomb, node("ReduceMax", &["bomb"], "one", &[int("keepdims", 0)]), sum("one")];
    for (what, nodes, weights, told) in [
        ("expand", vec![node("Expand", &["images", "s"], "out", &[])], vec![whole("s", &[HUGE, 3, 16, 16])], "Expand"),
        ("tile", vec![node("Tile", &["images", "s"], "out", &[])], vec![whole("s", &[1, HUGE, 1, 1])], "Tile"),
        (
            "resize",
            vec![node("Resize", &["images", "", "", "s"], "out", &[])],
            vec![whole("s", &[1, 3, HUGE, 16])],
            "Resize",
        ),
        ("pad", vec![node("Pad", &["images", "s"], "out", &[])], vec![whole("s", &[0, 0, 0, 0, 0, 0, 0, HUGE])], "Pad"),
        (
            "onehot",
            vec![node("OneHot", &["images", "d", "v"], "out", &[])],
            vec![number("d", HUGE), whole("v", &[0, 1])],
            "OneHot",
        ),
        ("fill", reduced(node("ConstantOfShape", &["s"], "bomb", &[])), vec![whole("s", &[HUGE])], "ConstantOfShape"),
        (
            "range",
            reduced(node("Range", &["a", "b", "c"], "bomb", &[])),
            vec![number("a", 0), number("b", HUGE), number("c", 1)],
            "Range",
        ),
        (
            "outer product",
            vec![node("MatMul", &["images", "s"], "out", &[])],
            vec![weights("s", &[16, -1], &[])],
            "axis",
        ),
        ("doubling", doubled, Vec::new(), "Concat"),
        ("by pixels", by_pixels, vec![whole("zero", &[0])], "pixels"),
        ("computed", made_of_made, vec![whole("a", &[1 << 11])], "ConstantOfShape"),
        ("weights", vec![sum("w")], vec![weights("w", &[HUGE, HUGE], &[1.0])], "weights 'w'"),
        ("loop", vec![node("Loop", &["", "", "images"], "out", &[])], Vec::new(), "loop"),
    ] {
        let (message, hint) = refusal(&behind_an_image(nodes, weights), &named("out"));
        assert!(message.contains(told), "{what}: {message}");
        assert!(!hint.is_empty(), "{what}");
    }
}

#[test]
fn open_accepts_shapes_that_are_computed() {
    let nodes = vec![
        node("Resize", &["images", "", "", "twice"], "large", &[]),
        node("Shape", &["large"], "shape", &[]),
        node("Gather", &["shape", "first"], "batch", &[int("axis", 0)]),
        node("Concat", &["batch", "rest"], "wanted", &[int("axis", 0)]),
        node("Reshape", &["large", "wanted"], "rows", &[]),
        node("Expand", &["one", "wanted"], "ones", &[]),
        node("Add", &["rows", "ones"], "out", &[]),
    ];
    let constants = vec![
        whole("twice", &[1, 3, 32, 32]),
        whole("first", &[0]),
        whole("rest", &[3 * 32 * 32]),
        weights("one", &[1, 1], &[1.0]),
    ];
    let backbone = open(&behind_an_image(nodes, constants), &named("out")).expect("opened");
    assert_eq!(backbone.dimensions(), 3 * 32 * 32);
}

/// Engines go through a model by recursion.
#[test]
fn open_runs_long_chains() {
    let link = |i: usize| node("Relu", &[&format!("t{i}")], &format!("t{}", i + 1), &[]);
    let mut nodes = vec![node("GlobalAveragePool", &["images"], "t0", &[])];
    nodes.extend((0..20_000).map(link));
    nodes.push(node("Relu", &["t20000"], "out", &[]));
    let made = behind_an_image(nodes, Vec::new());
    assert_eq!(open(&made, &named("out")).expect("opened").dimensions(), 3);
}

#[test]
fn open_refuses_graphs_deep_in_each_other() {
    #[derive(Clone, PartialEq, Message)]
    struct Branch {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, optional, tag = "6")]
        graph: Option<Graph>,
        #[prost(int32, tag = "20")]
        kind: i32,
    }
    let choice = |inner: &Graph, output: &str| {
        let branch =
            |name: &str| Branch { name: name.into(), graph: Some(inner.clone()), kind: 5 }.encode_to_vec().into();
        node("If", &["yes"], output, &[branch("then_branch")])
    };
    let mut graph = Graph {
        node: vec![node("Identity", &["images"], "x", &[])],
        output: vec![value("x", 1, &[])],
        ..Graph::default()
    };
    for level in 0..2000 {
        let output = format!("x{level}");
        graph = Graph { node: vec![choice(&graph, &output)], output: vec![value(&output, 1, &[])], ..Graph::default() };
    }
    let yes = Tensor {
        dimensions: Vec::new(),
        elements: Some(9),
        raw: Some(Bytes::from_static(&[1])),
        name: Some("yes".into()),
        ..Tensor::default()
    };
    let (message, _) = refusal(&behind_an_image(vec![choice(&graph, "out")], vec![yes]), &named("out"));
    assert!(message.contains("in each other"), "{message}");
}
