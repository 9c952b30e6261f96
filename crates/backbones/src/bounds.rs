//! What a model costs, before it is run: the sizes of its tensors and its multiplications, found from the sizes of its input
//! and its weights without computing anything.
//!
//! A model of a few hundred bytes can ask for a tensor of any size (`Expand`, `Tile`, `Range` and others take it from a
//! number), and an engine that allocates it takes the memory of the machine. So a model whose tensors or multiplications are
//! out of all proportion to its input is refused, and so is one that lets the pixels of an image decide on a size.
//!
//! Sizes are followed through the graph as engines compute them: whole numbers of small tensors (shapes, axes, repeats) are
//! computed, all others are known by their shape, or by a bound on the number of their elements. What is not known to this
//! file is not refused.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use prost::Message;

use crate::onnx::{Attribute, Graph, Node, Tensor, name_of};

/// Elements of one tensor: as many in any case, and so many for each element of the input. Attention over 4,096 tokens with
/// 16 heads has 85 for each.
const TENSOR: Limit = Limit { least: 1 << 28, per_input: 128 };
/// Elements of all tensors that are needed at a time.
const ALIVE: Limit = Limit { least: 1 << 29, per_input: 512 };
/// Multiplications. A YOLOv5x has 80,000 for each element of its input, SAM's largest encoder a million.
const WORK: Limit = Limit { least: 4_000_000_000_000, per_input: 4_000_000 };
/// Elements of the input.
const MOST_INPUT: u64 = 1 << 31;
/// Values of a tensor that are computed at most.
const VALUES: usize = 4096;
/// Nodes of a graph, with those of graphs in it.
const NODES: usize = 100_000;
/// Graphs in each other at most: engines go down them by recursion.
const LEVELS: usize = 8;

struct Limit {
    least: u64,
    per_input: u64,
}

impl Limit {
    fn of(&self, input: u64) -> u64 {
        self.least.max(self.per_input.saturating_mul(input))
    }
}

/// What is known of a tensor.
#[derive(Clone, Debug, Default)]
struct Known {
    shape: Option<Vec<u64>>,
    /// At most so many.
    elements: Option<u64>,
    /// Of a small tensor.
    values: Option<Vec<f64>>,
    /// Whether its values depend on the pixels of an image.
    of_pixels: bool,
    /// Whether its shape does.
    shape_of_pixels: bool,
}

impl Known {
    fn shaped(shape: Vec<u64>) -> Self {
        let elements = product(&shape);
        Self { shape: Some(shape), elements: Some(elements), ..Self::default() }
    }

    fn bounded(elements: Option<u64>) -> Self {
        Self { elements, ..Self::default() }
    }

    fn vector(values: Vec<f64>) -> Self {
        let shape = vec![values.len() as u64];
        Self { values: Some(values), ..Self::shaped(shape) }
    }

    fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }

    fn sizes(&self) -> Option<Vec<u64>> {
        Some(self.values.as_ref()?.iter().map(|&v| size(v)).collect())
    }
}

fn product(shape: &[u64]) -> u64 {
    shape.iter().fold(1, |all, &n| all.saturating_mul(n))
}

/// A number as a size; nothing below zero.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
fn size(value: f64) -> u64 {
    value.max(0.0) as u64
}

#[allow(clippy::cast_precision_loss)] // of bounds
fn number(size: u64) -> f64 {
    size as f64
}

/// An attribute of a node, with what sizes depend on.
#[derive(Clone, Debug, Default)]
struct Setting {
    name: String,
    integer: Option<i64>,
    float: Option<f32>,
    text: Option<String>,
    integers: Vec<i64>,
    floats: Vec<f32>,
    tensor: Option<Known>,
}

/// A node, without its weights.
#[derive(Debug)]
struct Step {
    name: String,
    operation: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    settings: Vec<Setting>,
    /// Graphs in it.
    graphs: Vec<Steps>,
}

/// A graph, without its weights, in an order in which it can be computed.
#[derive(Debug, Default)]
struct Steps {
    constants: Vec<(String, Known)>,
    steps: Vec<Step>,
    outputs: Vec<String>,
}

/// The costs of a model, for any size of its input.
#[derive(Debug)]
pub(crate) struct Costs {
    graph: Steps,
    input: String,
    nodes: usize,
    loops: bool,
}

/// Why a model is refused, to be said behind its name.
type Refused = String;

impl Costs {
    /// Of a graph that was cut; `input` is the name of its only input. Without `loops`, loops are refused: how often they run
    /// is known when they end.
    ///
    /// # Errors
    /// Too many nodes, graphs too deep in each other, a circle, or weights that are not as many as they say.
    pub(crate) fn new(graph: &Graph, input: &str, loops: bool) -> Result<Self, Refused> {
        let mut nodes = 0;
        let graph = Steps::new(graph, 0, &mut nodes)?;
        Ok(Self { graph, input: input.to_owned(), nodes, loops })
    }

    /// Nodes, with those of graphs in graphs.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Refuses what is out of proportion for an input of this shape.
    ///
    /// # Errors
    /// The operation, and what it asks for.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<(), Refused> {
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        let input = product(&shape);
        if input > MOST_INPUT {
            return Err(format!("takes {input} numbers at once, more than {MOST_INPUT}"));
        }
        let image = Known { of_pixels: true, ..Known::shaped(shape) };
        let mut known: HashMap<String, Known> = HashMap::from([(self.input.clone(), image)]);
        let mut budget = Budget { input, work: 0, loops: self.loops };
        self.graph.run(&mut known, &mut budget).map(drop)
    }
}

struct Budget {
    input: u64,
    work: u64,
    loops: bool,
}

impl Steps {
    fn new(graph: &Graph, level: usize, nodes: &mut usize) -> Result<Self, Refused> {
        if level > LEVELS {
            return Err(format!("has graphs in each other more than {LEVELS} deep"));
        }
        *nodes += graph.node.len();
        if *nodes > NODES {
            return Err(format!("has more than {NODES} nodes"));
        }
        let mut constants = Vec::with_capacity(graph.initializer.len());
        for bytes in &graph.initializer {
            constants.push((name_of(bytes), constant(bytes)?));
        }
        let mut steps = Vec::with_capacity(graph.node.len());
        for index in order(graph)? {
            steps.push(Step::new(&graph.node[index], level, nodes)?);
        }
        let names = |infos: &[crate::onnx::ValueInfo]| infos.iter().map(|info| info.name().to_owned()).collect();
        Ok(Self { constants, steps, outputs: names(&graph.output) })
    }

    /// Follows sizes through the graph; returns what is known of its outputs.
    fn run(&self, known: &mut HashMap<String, Known>, budget: &mut Budget) -> Result<Vec<Known>, Refused> {
        known.extend(self.constants.iter().cloned());
        let mut left: HashMap<&str, usize> = HashMap::new();
        for name in self.steps.iter().flat_map(|step| &step.inputs).chain(&self.outputs) {
            *left.entry(name).or_default() += 1;
        }
        let made: HashSet<&str> = self.steps.iter().flat_map(|step| &step.outputs).map(String::as_str).collect();
        let mut alive = 0u64;
        for step in &self.steps {
            let inputs: Vec<Known> =
                step.inputs.iter().map(|name| known.get(name).cloned().unwrap_or_default()).collect();
            let outputs = step.outputs(&inputs, known, budget)?;
            for (name, output) in step.outputs.iter().zip(outputs) {
                let elements = output.elements.unwrap_or(0);
                if elements > TENSOR.of(budget.input) {
                    return Err(format!("{} asks for a tensor of {elements} numbers", step.title()));
                }
                if left.contains_key(name.as_str()) {
                    alive = alive.saturating_add(elements);
                }
                known.insert(name.clone(), output);
            }
            if alive > ALIVE.of(budget.input) {
                return Err(format!("{} needs {alive} numbers in memory with what is there already", step.title()));
            }
            if budget.work > WORK.of(budget.input) {
                return Err(format!("up to {}, it takes {} multiplications", step.title(), budget.work));
            }
            for name in &step.inputs {
                if let Some(count) = left.get_mut(name.as_str()) {
                    *count -= 1;
                    if *count == 0
                        && made.contains(name.as_str())
                        && let Some(gone) = known.get(name)
                    {
                        alive = alive.saturating_sub(gone.elements.unwrap_or(0));
                    }
                }
            }
        }
        Ok(self.outputs.iter().map(|name| known.get(name).cloned().unwrap_or_default()).collect())
    }
}

/// The indices of nodes in an order in which every node comes after what it is fed.
fn order(graph: &Graph) -> Result<Vec<usize>, Refused> {
    let mut maker: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        maker.extend(node.output.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), index)));
    }
    let fed_by = |index: usize| graph.node[index].input.iter().filter_map(|name| maker.get(name.as_str()).copied());
    // Of each node: not met, being visited, done.
    let mut state = vec![0u8; graph.node.len()];
    let mut found = Vec::with_capacity(graph.node.len());
    for first in 0..graph.node.len() {
        let mut open = vec![first];
        while let Some(&index) = open.last() {
            match state[index] {
                0 => {
                    state[index] = 1;
                    for before in fed_by(index) {
                        match state[before] {
                            0 => open.push(before),
                            1 => return Err("goes round in a circle".to_owned()),
                            _ => {}
                        }
                    }
                }
                1 => {
                    state[index] = 2;
                    found.push(index);
                    open.pop();
                }
                _ => drop(open.pop()),
            }
        }
    }
    Ok(found)
}

/// What a tensor in the file is.
fn constant(bytes: &Bytes) -> Result<Known, Refused> {
    let Ok(tensor) = Tensor::decode(bytes.clone()) else { return Ok(Known::default()) };
    let name = tensor.name.clone().unwrap_or_default();
    let mut shape = Vec::with_capacity(tensor.dimensions.len());
    for &n in &tensor.dimensions {
        shape.push(u64::try_from(n).map_err(|_| format!("says that the weights '{name}' have an axis of length {n}"))?);
    }
    let elements = product(&shape);
    // Four bits is the smallest type.
    if elements > 2 * bytes.len() as u64 {
        return Err(format!(
            "says that the weights '{name}' have {elements} values, and holds {} bytes of them",
            bytes.len()
        ));
    }
    let few = usize::try_from(elements).is_ok_and(|n| n <= VALUES);
    let values = few.then(|| values_of(&tensor, bytes)).flatten().filter(|values| values.len() as u64 == elements);
    Ok(Known { values, ..Known::shaped(shape) })
}

/// Of a small tensor, the numbers in it.
#[derive(Clone, PartialEq, Message)]
struct Numbers {
    #[prost(float, repeated, tag = "4")]
    floats: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    integers: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    longs: Vec<i64>,
    #[prost(double, repeated, tag = "10")]
    doubles: Vec<f64>,
}

#[allow(clippy::cast_precision_loss)] // of bounds
fn values_of(tensor: &Tensor, bytes: &Bytes) -> Option<Vec<f64>> {
    let raw = tensor.raw.as_deref().filter(|raw| !raw.is_empty());
    let four = |chunk: &[u8]| [chunk[0], chunk[1], chunk[2], chunk[3]];
    let eight = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |all, &byte| all << 8 | u64::from(byte));
    match (tensor.elements?, raw) {
        (1, Some(raw)) => Some(raw.chunks_exact(4).map(|c| f64::from(f32::from_le_bytes(four(c)))).collect()),
        (6, Some(raw)) => Some(raw.chunks_exact(4).map(|c| f64::from(i32::from_le_bytes(four(c)))).collect()),
        (7, Some(raw)) => Some(raw.chunks_exact(8).map(|c| eight(c).cast_signed() as f64).collect()),
        (11, Some(raw)) => Some(raw.chunks_exact(8).map(|c| f64::from_bits(eight(c))).collect()),
        (12, Some(raw)) => Some(raw.chunks_exact(4).map(|c| f64::from(u32::from_le_bytes(four(c)))).collect()),
        (13, Some(raw)) => Some(raw.chunks_exact(8).map(|c| eight(c) as f64).collect()),
        (kind, None) => {
            let numbers = Numbers::decode(bytes.clone()).ok()?;
            match kind {
                1 => Some(numbers.floats.iter().map(|&v| f64::from(v)).collect()),
                6 => Some(numbers.integers.iter().map(|&v| f64::from(v)).collect()),
                7 => Some(numbers.longs.iter().map(|&v| v as f64).collect()),
                11 => Some(numbers.doubles),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An attribute, as far as sizes depend on it.
#[derive(Clone, PartialEq, Message)]
struct Content {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(float, optional, tag = "2")]
    float: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    integer: Option<i64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    text: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    tensor: Option<Bytes>,
    #[prost(float, repeated, tag = "7")]
    floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    integers: Vec<i64>,
}

impl Step {
    fn new(node: &Node, level: usize, nodes: &mut usize) -> Result<Self, Refused> {
        let (mut settings, mut graphs) = (Vec::new(), Vec::new());
        for bytes in &node.attribute {
            if let Ok(content) = Content::decode(bytes.clone()) {
                let tensor = content.tensor.as_ref().map(constant).transpose()?;
                settings.push(Setting {
                    name: content.name.unwrap_or_default(),
                    integer: content.integer,
                    float: content.float,
                    text: content.text.map(|text| String::from_utf8_lossy(&text).into_owned()),
                    integers: content.integers,
                    floats: content.floats,
                    tensor,
                });
            }
            let Ok(attribute) = Attribute::decode(bytes.clone()) else { continue };
            for bytes in attribute.graph.iter().chain(&attribute.graphs) {
                let inner =
                    Graph::decode(bytes.clone()).map_err(|e| format!("has a graph that cannot be read: {e}"))?;
                graphs.push(Steps::new(&inner, level + 1, nodes)?);
            }
        }
        Ok(Self {
            name: node.name.clone().unwrap_or_default(),
            operation: node.op_type.clone().unwrap_or_default(),
            inputs: node.input.clone(),
            outputs: node.output.clone(),
            settings,
            graphs,
        })
    }

    /// The operation, with the name of the node.
    fn title(&self) -> String {
        match self.name.as_str() {
            "" => format!("the operation {}", self.operation),
            name => format!("the operation {} ('{name}')", self.operation),
        }
    }

    fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    fn integer(&self, name: &str, default: i64) -> i64 {
        self.setting(name).and_then(|setting| setting.integer).unwrap_or(default)
    }

    fn integers(&self, name: &str) -> Option<&[i64]> {
        self.setting(name).map(|setting| setting.integers.as_slice()).filter(|integers| !integers.is_empty())
    }

    /// What is known of the outputs.
    fn outputs(
        &self,
        inputs: &[Known],
        known: &mut HashMap<String, Known>,
        budget: &mut Budget,
    ) -> Result<Vec<Known>, Refused> {
        let of_pixels = inputs.iter().any(|input| input.of_pixels);
        let mut found = match self.operation.as_str() {
            "Loop" | "Scan" if !budget.loops => {
                return Err(format!("{} is a loop, and how often it runs is not known before", self.title()));
            }
            "If" => self.branches(known, budget)?,
            _ => self.computed(inputs, budget)?,
        };
        let chooses = ["NonZero", "Compress", "Unique", "NonMaxSuppression"].contains(&self.operation.as_str());
        let shape_of_pixels = inputs.iter().any(|input| input.shape_of_pixels) || (chooses && of_pixels);
        let shapes_only = ["Shape", "Size"].contains(&self.operation.as_str());
        found.resize_with(self.outputs.len().max(found.len()), Known::default);
        for output in &mut found {
            output.of_pixels |= if shapes_only { shape_of_pixels } else { of_pixels };
            output.shape_of_pixels |= shape_of_pixels && !shapes_only;
        }
        Ok(found)
    }

    /// The larger of the branches of a condition.
    fn branches(&self, known: &mut HashMap<String, Known>, budget: &mut Budget) -> Result<Vec<Known>, Refused> {
        let mut found: Vec<Known> = Vec::new();
        for graph in &self.graphs {
            let outputs = graph.run(known, budget)?;
            for (place, output) in outputs.into_iter().enumerate() {
                match found.get_mut(place) {
                    None => found.push(output),
                    Some(other) => {
                        let same = other.shape == output.shape;
                        let elements = other.elements.zip(output.elements).map(|(a, b)| a.max(b));
                        let shape = other.shape.take().filter(|_| same);
                        let of_pixels = other.of_pixels || output.of_pixels;
                        let shape_of_pixels = other.shape_of_pixels || output.shape_of_pixels;
                        *other = Known { shape, elements, values: None, of_pixels, shape_of_pixels };
                    }
                }
            }
        }
        Ok(found)
    }

    /// What an operation that takes its size from a number asks for; nothing if that is not known, and no number of an image.
    fn sized(&self, by: Option<&Known>, shape: impl FnOnce(&Known) -> Option<Vec<u64>>) -> Result<Vec<Known>, Refused> {
        match by.and_then(shape) {
            Some(shape) => Ok(vec![Known::shaped(shape)]),
            None if by.is_some_and(|by| by.of_pixels) => {
                Err(format!("{} takes its size from the pixels of an image", self.title()))
            }
            None => Ok(vec![Known::default()]),
        }
    }

    fn computed(&self, inputs: &[Known], budget: &mut Budget) -> Result<Vec<Known>, Refused> {
        let nothing = Known::default();
        let input = |place: usize| inputs.get(place).unwrap_or(&nothing);
        let first = input(0);
        Ok(match self.operation.as_str() {
            "Constant" => vec![self.constant()],
            "Shape" => {
                let begin = usize::try_from(self.integer("start", 0).max(0)).unwrap_or(0);
                let whole = self.setting("start").is_none() && self.setting("end").is_none();
                match &first.shape {
                    Some(shape) if whole || self.setting("end").is_none() => {
                        vec![Known::vector(shape.iter().skip(begin).map(|&n| number(n)).collect())]
                    }
                    Some(shape) => {
                        let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
                        let place = |n: i64| usize::try_from(if n < 0 { n + rank } else { n.min(rank) }).unwrap_or(0);
                        let (begin, end) = (place(self.integer("start", 0)), place(self.integer("end", rank)));
                        vec![Known::vector(shape.iter().take(end).skip(begin).map(|&n| number(n)).collect())]
                    }
                    None => vec![Known::bounded(Some(16))],
                }
            }
            "Size" => vec![Known {
                values: first.shape.as_ref().map(|shape| vec![number(product(shape))]),
                ..Known::shaped(Vec::new())
            }],
            "Expand" => {
                self.sized(inputs.get(1), |by| broadcast(&[first.shape.as_deref().unwrap_or(&[]), &by.sizes()?]))?
            }
            "Tile" => self.sized(inputs.get(1), |by| {
                let times = by.sizes()?;
                if first.shape.is_none() {
                    // As long as all of it.
                    return Some(vec![first.elements?.saturating_mul(product(&times))]);
                }
                Some(first.shape.as_ref()?.iter().zip(&times).map(|(n, times)| n.saturating_mul(*times)).collect())
            })?,
            "ConstantOfShape" => self.sized(inputs.first(), Known::sizes)?,
            "Range" => {
                let of_pixels = inputs.iter().any(|i| i.of_pixels);
                let numbers = || -> Option<[f64; 3]> {
                    let at = |place: usize| input(place).values.as_ref()?.first().copied();
                    Some([at(0)?, at(1)?, at(2)?])
                };
                let by = Known { of_pixels, ..Known::default() };
                self.sized(Some(&by), |_| {
                    let [begin, end, step] = numbers()?;
                    Some(vec![size(((end - begin) / step).ceil())])
                })?
            }
            "Resize" | "Upsample" => self.resized(inputs)?,
            "Pad" => {
                let given = self.integers("pads").or(self.integers("paddings"));
                let given = given.map(|pads| Known::vector(pads.iter().map(|&n| n as f64).collect()));
                let by = given.as_ref().or(inputs.get(1));
                self.sized(by, |by| {
                    let (shape, pads) = (first.shape.as_ref()?, by.values.as_ref()?);
                    let axes = input(3).values.as_ref().map_or_else(
                        || (0..shape.len()).collect(),
                        |axes| axes.iter().filter_map(|&axis| place(axis, shape.len())).collect::<Vec<usize>>(),
                    );
                    let mut padded = shape.clone();
                    for (at, &axis) in axes.iter().enumerate() {
                        let (before, behind) = (pads.get(at)?, pads.get(at + axes.len())?);
                        let padded = padded.get_mut(axis)?;
                        *padded = size(number(*padded) + before + behind);
                    }
                    Some(padded)
                })?
            }
            "OneHot" => self.sized(inputs.get(1), |by| {
                let depth = by.sizes()?.first().copied()?;
                let mut shape = first.shape.clone()?;
                shape.push(depth);
                Some(shape)
            })?,
            "RandomNormal" | "RandomUniform" => {
                let shape = self.integers("shape").unwrap_or_default();
                vec![Known::shaped(shape.iter().map(|&n| u64::try_from(n).unwrap_or(0)).collect())]
            }
            "Multinomial" => {
                let (rows, samples) = (first.shape.as_ref().and_then(|s| s.first()), self.integer("sample_size", 1));
                vec![Known::bounded(rows.map(|rows| rows.saturating_mul(u64::try_from(samples).unwrap_or(0))))]
            }
            "Conv" | "ConvInteger" | "QLinearConv" => {
                let weights = input(if self.operation == "QLinearConv" { 3 } else { 1 });
                let found = self.pooled(first, weights.shape.as_deref());
                let per_output = weights.shape.as_ref().map_or(1, |shape| product(shape.get(1..).unwrap_or(&[])));
                let outputs = found.elements.unwrap_or(0);
                budget.work = budget.work.saturating_add(outputs.saturating_mul(per_output));
                vec![found]
            }
            "ConvTranspose" => {
                let weights = input(1).shape.clone().unwrap_or_default();
                let found = self.convolved_back(first, &weights);
                let taps = product(weights.get(1..).unwrap_or(&[]));
                budget.work = budget.work.saturating_add(first.elements.unwrap_or(0).saturating_mul(taps));
                vec![found]
            }
            "MaxPool" | "AveragePool" | "LpPool" => {
                let found = self.pooled(first, None);
                let taps = product(
                    &self
                        .integers("kernel_shape")
                        .unwrap_or(&[])
                        .iter()
                        .map(|&n| u64::try_from(n).unwrap_or(0))
                        .collect::<Vec<_>>(),
                );
                budget.work = budget.work.saturating_add(found.elements.unwrap_or(0).saturating_mul(taps));
                vec![found.clone(), found]
            }
            "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
                let shape = first.shape.as_ref();
                vec![match shape {
                    Some(shape) => {
                        Known::shaped(shape.iter().enumerate().map(|(axis, &n)| if axis < 2 { n } else { 1 }).collect())
                    }
                    None => Known::bounded(first.elements),
                }]
            }
            "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
                let second = input(if self.operation == "QLinearMatMul" { 3 } else { 1 });
                let (found, inner) = multiplied(first, second);
                budget.work = budget.work.saturating_add(found.elements.unwrap_or(0).saturating_mul(inner));
                vec![found]
            }
            "Gemm" => {
                let turned = |known: &Known, name: &str| {
                    let shape = known.shape.clone()?;
                    let [a, b] = *shape.as_slice() else { return None };
                    Some(if self.integer(name, 0) == 0 { (a, b) } else { (b, a) })
                };
                match (turned(first, "transA"), turned(input(1), "transB")) {
                    (Some((rows, inner)), Some((_, columns))) => {
                        let found = Known::shaped(vec![rows, columns]);
                        budget.work = budget.work.saturating_add(product(&[rows, columns, inner]));
                        vec![found]
                    }
                    _ => vec![Known::default()],
                }
            }
            "Einsum" => {
                let (found, work) = self.summed(inputs);
                budget.work = budget.work.saturating_add(work);
                vec![found]
            }
            "Concat" => vec![self.joined(inputs)],
            "Reshape" => vec![reshaped(first, input(1).values.as_deref())],
            "Flatten" => {
                let axis = first.rank().and_then(|rank| place(self.integer("axis", 1) as f64, rank + 1));
                let shape = first.shape.as_ref().zip(axis).map(|(shape, axis)| {
                    let (rows, columns) = shape.split_at(axis.min(shape.len()));
                    vec![product(rows), product(columns)]
                });
                vec![shape.map_or_else(|| Known::bounded(first.elements), Known::shaped)]
            }
            "Unsqueeze" | "Squeeze" => vec![self.squeezed(first, inputs.get(1))],
            "Transpose" => {
                let shape = first.shape.as_ref().and_then(|shape| match self.integers("perm") {
                    None => Some(shape.iter().rev().copied().collect()),
                    Some(order) => {
                        order.iter().map(|&axis| shape.get(usize::try_from(axis).ok()?).copied()).collect::<Option<_>>()
                    }
                });
                vec![shape.map_or_else(|| Known::bounded(first.elements), Known::shaped)]
            }
            "Gather" => vec![self.gathered(first, input(1))],
            "GatherElements" => vec![Known { values: None, ..input(1).clone() }],
            "GatherND" => {
                let each = input(1).elements.unwrap_or(1);
                vec![Known::bounded(first.elements.map(|elements| elements.saturating_mul(each)))]
            }
            "Slice" => vec![self.sliced(first, inputs)],
            "Split" => {
                let part = || Known::bounded(first.elements);
                let mut parts: Vec<Known> = (0..self.outputs.len()).map(|_| part()).collect();
                if let Some(shape) = &first.shape
                    && let Some(axis) = place(self.integer("axis", 0) as f64, shape.len())
                {
                    let given = input(1).sizes().or_else(|| {
                        self.integers("split").map(|s| s.iter().map(|&n| u64::try_from(n).unwrap_or(0)).collect())
                    });
                    let equal = shape[axis].div_ceil(self.outputs.len().max(1) as u64);
                    for (index, part) in parts.iter_mut().enumerate() {
                        let length = given.as_ref().map_or(Some(equal), |given| given.get(index).copied());
                        let mut shape = shape.clone();
                        shape[axis] = length.unwrap_or(shape[axis]).min(shape[axis]);
                        *part = Known::shaped(shape);
                    }
                }
                parts
            }
            "NonZero" | "Compress" | "Unique" | "SequenceAt" => {
                vec![Known::bounded(first.elements.map(|n| n.saturating_mul(first.rank().unwrap_or(8) as u64)))]
            }
            "TopK" => vec![Known::bounded(first.elements), Known::bounded(first.elements)],
            name if name.starts_with("Reduce") || name.starts_with("Arg") => vec![self.reduced(first, inputs.get(1))],
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum" | "Mean" | "Mod" | "Where" | "Equal"
            | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or" | "Xor" | "PRelu" => {
                vec![self.elementwise(inputs)]
            }
            "Cast" | "Identity" | "Neg" | "Abs" | "Floor" | "Ceil" | "Round" | "Sqrt" | "CastLike" | "Dropout"
            | "Relu" => {
                let change: fn(f64) -> f64 = match self.operation.as_str() {
                    "Neg" => |v| -v,
                    "Abs" => f64::abs,
                    "Floor" => f64::floor,
                    "Ceil" => f64::ceil,
                    "Round" => f64::round,
                    "Sqrt" => f64::sqrt,
                    "Relu" => |v| v.max(0.0),
                    _ => |v| v,
                };
                let values = first.values.as_ref().map(|values| values.iter().map(|&v| change(v)).collect());
                vec![Known { values, ..first.clone() }, first.clone()]
            }
            // As large as what they are fed, value by value.
            "LeakyRelu"
            | "Elu"
            | "Selu"
            | "Celu"
            | "Gelu"
            | "Mish"
            | "Swish"
            | "HardSwish"
            | "HardSigmoid"
            | "Sigmoid"
            | "Tanh"
            | "Softplus"
            | "Softsign"
            | "Exp"
            | "Log"
            | "Erf"
            | "Sin"
            | "Cos"
            | "Tan"
            | "Asin"
            | "Acos"
            | "Atan"
            | "Sinh"
            | "Cosh"
            | "Asinh"
            | "Acosh"
            | "Atanh"
            | "Sign"
            | "Reciprocal"
            | "Not"
            | "IsNaN"
            | "IsInf"
            | "Clip"
            | "Softmax"
            | "LogSoftmax"
            | "BatchNormalization"
            | "InstanceNormalization"
            | "LayerNormalization"
            | "GroupNormalization"
            | "RMSNormalization"
            | "LpNormalization"
            | "LRN"
            | "CumSum"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "DynamicQuantizeLinear"
            | "ScatterElements"
            | "ScatterND"
            | "Scatter"
            | "Trilu"
            | "ReverseSequence"
            | "EyeLike"
            | "RandomNormalLike"
            | "RandomUniformLike"
            | "BitCast"
            | "RotaryEmbedding"
            | "Hardmax"
            | "ThresholdedRelu"
            | "Shrink"
            | "MeanVarianceNormalization" => {
                vec![Known { values: None, ..first.clone() }]
            }
            "DepthToSpace" | "SpaceToDepth" => vec![Known::bounded(first.elements)],
            "GridSample" => vec![Known::bounded(
                // As many channels as the image has, at each place of the grid.
                first
                    .shape
                    .as_ref()
                    .and_then(|s| s.get(1))
                    .zip(input(1).elements)
                    .map(|(n, grid)| n.saturating_mul(grid)),
            )],
            "DFT" => {
                let length = match input(1).values.as_ref().and_then(|values| values.first()) {
                    Some(&length) => size(length),
                    None if input(1).of_pixels => return self.sized(Some(input(1)), |_| None),
                    None => 2,
                };
                vec![Known::bounded(first.elements.map(|elements| elements.saturating_mul(length.max(2))))]
            }
            "SequenceEmpty" => vec![Known::bounded(Some(0))],
            "SequenceConstruct" | "SequenceInsert" => {
                let all = inputs.iter().try_fold(0u64, |all, i| Some(all.saturating_add(i.elements?)));
                vec![Known::bounded(all)]
            }
            "ConcatFromSequence" | "SplitToSequence" | "SequenceErase" => vec![Known::bounded(first.elements)],
            _ => vec![Known::default(); self.outputs.len()],
        })
    }

    fn constant(&self) -> Known {
        let integers = |values: &[i64]| Known::vector(values.iter().map(|&v| v as f64).collect());
        for setting in &self.settings {
            match setting.name.as_str() {
                "value" => return setting.tensor.clone().unwrap_or_default(),
                "value_int" => {
                    return Known { values: setting.integer.map(|v| vec![v as f64]), ..Known::shaped(Vec::new()) };
                }
                "value_float" => {
                    return Known { values: setting.float.map(|v| vec![f64::from(v)]), ..Known::shaped(Vec::new()) };
                }
                "value_ints" => return integers(&setting.integers),
                "value_floats" => return Known::vector(setting.floats.iter().map(|&v| f64::from(v)).collect()),
                _ => {}
            }
        }
        Known::default()
    }

    fn resized(&self, inputs: &[Known]) -> Result<Vec<Known>, Refused> {
        let first = inputs.first().cloned().unwrap_or_default();
        let given = self.setting("scales").map(|s| Known::vector(s.floats.iter().map(|&v| f64::from(v)).collect()));
        let scales = if self.operation == "Upsample" { given.as_ref().or(inputs.get(1)) } else { inputs.get(2) };
        // An older Resize has scales in the second place.
        let scales = if self.operation == "Resize" && inputs.len() == 2 { inputs.get(1) } else { scales };
        let sizes = inputs.get(3).filter(|sizes| sizes.sizes().is_some_and(|s| !s.is_empty()));
        let axes: Option<Vec<i64>> = self.integers("axes").map(<[i64]>::to_vec);
        let with = |by: &Known, of: &dyn Fn(u64, f64) -> u64| {
            let mut shape = first.shape.clone()?;
            let values = by.values.as_ref().filter(|values| !values.is_empty())?;
            for (at, &value) in values.iter().enumerate() {
                let axis = axes.as_ref().map_or(Some(at), |axes| place(*axes.get(at)? as f64, shape.len()))?;
                let side = shape.get_mut(axis)?;
                *side = of(*side, value);
            }
            Some(shape)
        };
        match sizes {
            Some(sizes) => self.sized(Some(sizes), |by| with(by, &|_, value| size(value))),
            None => {
                let by = inputs.get(3).filter(|by| by.of_pixels).or(scales);
                self.sized(by, |by| with(by, &|side, value| size(number(side) * value)))
            }
        }
    }

    /// Of a convolution (with weights) or a pooling.
    fn pooled(&self, input: &Known, weights: Option<&[u64]>) -> Known {
        let Some(shape) = &input.shape else { return Known::default() };
        let Some((batch_channels, sides)) = shape.split_at_checked(2) else { return Known::default() };
        let kernel: Vec<i64> = match (self.integers("kernel_shape"), weights) {
            (Some(kernel), _) => kernel.to_vec(),
            (None, Some(weights)) => weights.iter().skip(2).map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect(),
            (None, None) => return Known::default(),
        };
        let channels = weights.map_or(batch_channels[1], |weights| weights.first().copied().unwrap_or(0));
        let mut found = vec![batch_channels[0], channels];
        let of = |name: &str, axis: usize, default: i64| {
            self.integers(name).and_then(|all| all.get(axis)).copied().unwrap_or(default)
        };
        let same =
            self.setting("auto_pad").and_then(|s| s.text.as_deref()).is_some_and(|text| text.starts_with("SAME"));
        for (axis, &side) in sides.iter().enumerate() {
            let stride = number(u64::try_from(of("strides", axis, 1)).unwrap_or(1).max(1));
            let around = (of("pads", axis, 0) as f64) + (of("pads", axis + sides.len(), 0) as f64);
            let taps = kernel.get(axis).copied().unwrap_or(1) as f64;
            let reach = (of("dilations", axis, 1) as f64) * (taps - 1.0) + 1.0;
            let steps = if same {
                (number(side) / stride).ceil() - 1.0
            } else {
                ((number(side) + around - reach) / stride).ceil()
            };
            found.push(size(steps + 1.0));
        }
        Known::shaped(found)
    }

    fn convolved_back(&self, input: &Known, weights: &[u64]) -> Known {
        let Some(shape) = &input.shape else { return Known::default() };
        let Some((batch_channels, sides)) = shape.split_at_checked(2) else { return Known::default() };
        let group = u64::try_from(self.integer("group", 1)).unwrap_or(1);
        let mut found = vec![batch_channels[0], weights.get(1).copied().unwrap_or(1).saturating_mul(group)];
        let of = |name: &str, axis: usize, default: i64| {
            self.integers(name).and_then(|all| all.get(axis)).copied().unwrap_or(default) as f64
        };
        for (axis, &side) in sides.iter().enumerate() {
            let taps = number(weights.get(2 + axis).copied().unwrap_or(1));
            let reach = of("dilations", axis, 1) * (taps - 1.0) + 1.0;
            let given = self.integers("output_shape").and_then(|all| all.get(axis)).map(|&n| n as f64);
            let computed = of("strides", axis, 1) * (number(side) - 1.0) + of("output_padding", axis, 0) + reach;
            let around = of("pads", axis, 0) + of("pads", axis + sides.len(), 0);
            found.push(size(given.unwrap_or(computed - around)));
        }
        Known::shaped(found)
    }

    /// Of a sum of products, and its multiplications.
    fn summed(&self, inputs: &[Known]) -> (Known, u64) {
        let equation = self.setting("equation").and_then(|s| s.text.clone()).unwrap_or_default();
        let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let Some((left, right)) = equation.split_once("->") else { return (Known::default(), 0) };
        let mut lengths: HashMap<char, u64> = HashMap::new();
        for (letters, input) in left.split(',').zip(inputs) {
            let Some(shape) = input.shape.as_ref().filter(|shape| shape.len() == letters.chars().count()) else {
                return (Known::default(), 0);
            };
            for (letter, &length) in letters.chars().zip(shape) {
                let known = lengths.entry(letter).or_insert(length);
                *known = (*known).max(length);
            }
        }
        let work = lengths.values().fold(1u64, |all, &n| all.saturating_mul(n));
        let shape: Option<Vec<u64>> = right.chars().map(|letter| lengths.get(&letter).copied()).collect();
        (shape.map_or_else(Known::default, Known::shaped), work)
    }

    fn joined(&self, inputs: &[Known]) -> Known {
        let values: Option<Vec<f64>> =
            inputs.iter().map(|i| i.values.clone()).collect::<Option<Vec<_>>>().map(|all| all.concat());
        let values = values.filter(|values| values.len() <= VALUES && inputs.iter().all(|i| i.rank() == Some(1)));
        let elements =
            inputs.iter().map(|i| i.elements).try_fold(0u64, |all, elements| Some(all.saturating_add(elements?)));
        let shape = || -> Option<Vec<u64>> {
            let mut shape = inputs.first()?.shape.clone()?;
            let axis = place(self.integer("axis", 0) as f64, shape.len())?;
            for input in &inputs[1..] {
                shape[axis] = shape[axis].saturating_add(*input.shape.as_ref()?.get(axis)?);
            }
            Some(shape)
        };
        Known { shape: shape(), elements, values, ..Known::default() }
    }

    fn squeezed(&self, input: &Known, axes: Option<&Known>) -> Known {
        let given = self.integers("axes").map(|axes| axes.iter().map(|&axis| axis as f64).collect::<Vec<_>>());
        let axes = given.or_else(|| axes.and_then(|axes| axes.values.clone()));
        let shape = || -> Option<Vec<u64>> {
            let shape = input.shape.as_ref()?;
            if self.operation == "Squeeze" {
                let gone: Vec<usize> = match &axes {
                    Some(axes) => axes.iter().map(|&axis| place(axis, shape.len())).collect::<Option<_>>()?,
                    None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
                };
                return Some(
                    shape.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, &n)| n).collect(),
                );
            }
            let axes = axes.as_ref()?;
            let rank = shape.len() + axes.len();
            let new: Vec<usize> = axes.iter().map(|&axis| place(axis, rank)).collect::<Option<_>>()?;
            let mut old = shape.iter().copied();
            Some((0..rank).map(|axis| if new.contains(&axis) { 1 } else { old.next().unwrap_or(1) }).collect())
        };
        Known { shape: shape(), elements: input.elements, values: input.values.clone(), ..Known::default() }
    }

    fn gathered(&self, data: &Known, indices: &Known) -> Known {
        let shape = || -> Option<Vec<u64>> {
            let (shape, places) = (data.shape.as_ref()?, indices.shape.as_ref()?);
            let axis = place(self.integer("axis", 0) as f64, shape.len())?;
            Some([&shape[..axis], places, &shape[axis + 1..]].concat())
        };
        let values = || -> Option<Vec<f64>> {
            let (values, places) = (data.values.as_ref()?, indices.values.as_ref()?);
            if data.rank() != Some(1) {
                return None;
            }
            places.iter().map(|&at| values.get(place(at, values.len())?).copied()).collect()
        };
        match shape() {
            Some(shape) => Known { values: values(), ..Known::shaped(shape) },
            None => Known::bounded(data.elements.zip(indices.elements).map(|(a, b)| a.saturating_mul(b.max(1)))),
        }
    }

    fn sliced(&self, data: &Known, inputs: &[Known]) -> Known {
        let given = |name: &str, at: usize| -> Option<Vec<f64>> {
            let integers = self.integers(name).map(|all| all.iter().map(|&n| n as f64).collect());
            integers.or_else(|| inputs.get(at)?.values.clone())
        };
        let sliced = || -> Option<Known> {
            let mut shape = data.shape.clone()?;
            let (starts, ends) = (given("starts", 1)?, given("ends", 2)?);
            let axes = given("axes", 3);
            let steps = given("steps", 4);
            let mut values = data.values.clone().filter(|_| shape.len() == 1);
            for (at, (&start, &end)) in starts.iter().zip(&ends).enumerate() {
                let axis = match &axes {
                    Some(axes) => place(*axes.get(at)?, shape.len())?,
                    None => at,
                };
                let length = number(*shape.get(axis)?);
                let step = steps.as_ref().map_or(Some(1.0), |steps| steps.get(at).copied())?;
                let bound = |v: f64| if v < 0.0 { (v + length).max(0.0) } else { v.min(length) };
                if step < 1.0 {
                    // Backwards: not more than there is.
                    values = None;
                    continue;
                }
                let (start, end) = (bound(start), bound(end));
                shape[axis] = size(((end - start) / step).ceil());
                values = values.map(|v| {
                    let (begin, end) = (start as usize, end as usize);
                    v.into_iter().take(end).skip(begin).step_by((step as usize).max(1)).collect()
                });
            }
            Some(Known { values, ..Known::shaped(shape) })
        };
        sliced().unwrap_or_else(|| Known::bounded(data.elements))
    }

    fn reduced(&self, input: &Known, axes: Option<&Known>) -> Known {
        let given = self.integers("axes").map(|axes| axes.iter().map(|&axis| axis as f64).collect::<Vec<_>>());
        let given = given.or_else(|| axes.and_then(|axes| axes.values.clone()));
        let given = if self.operation.starts_with("Arg") { Some(vec![self.integer("axis", 0) as f64]) } else { given };
        let keep = self.integer("keepdims", 1) != 0;
        let shape = || -> Option<Vec<u64>> {
            let shape = input.shape.as_ref()?;
            let gone: Vec<usize> = match &given {
                Some(axes) if !axes.is_empty() => axes.iter().map(|&a| place(a, shape.len())).collect::<Option<_>>()?,
                _ if axes.is_some_and(|axes| axes.values.is_none()) => return None,
                _ => (0..shape.len()).collect(),
            };
            let sides = shape.iter().enumerate();
            Some(
                sides
                    .filter(|(a, _)| keep || !gone.contains(a))
                    .map(|(a, &n)| if gone.contains(&a) { 1 } else { n })
                    .collect(),
            )
        };
        let one = |values: &Vec<f64>| {
            Some(match self.operation.as_str() {
                "ReduceSum" => values.iter().sum(),
                "ReduceProd" => values.iter().product(),
                "ReduceMax" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "ReduceMin" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "ReduceMean" => values.iter().sum::<f64>() / values.len() as f64,
                _ => return None,
            })
        };
        let values = input.values.as_ref().and_then(one).map(|value| vec![value]);
        match shape() {
            Some(shape) => {
                let values = values.filter(|_| product(&shape) == 1);
                Known { values, ..Known::shaped(shape) }
            }
            None => Known::bounded(input.elements),
        }
    }

    fn elementwise(&self, inputs: &[Known]) -> Known {
        let shapes: Option<Vec<&Vec<u64>>> = inputs.iter().map(|input| input.shape.as_ref()).collect();
        let shape = shapes.and_then(|shapes| broadcast(&shapes.iter().map(|s| s.as_slice()).collect::<Vec<_>>()));
        let Some(shape) = shape else { return Known::default() };
        let length = usize::try_from(product(&shape)).unwrap_or(usize::MAX);
        let values = || -> Option<Vec<f64>> {
            if length > VALUES {
                return None;
            }
            let all: Vec<&Vec<f64>> = inputs.iter().map(|input| input.values.as_ref()).collect::<Option<_>>()?;
            // Values of one element, or as many as come out: what shapes are computed with.
            if all.iter().any(|values| values.len() != 1 && values.len() != length) {
                return None;
            }
            let at =
                |which: usize, i: usize| all.get(which).map(|values| values[if values.len() == 1 { 0 } else { i }]);
            let truth = |yes: bool| f64::from(u8::from(yes));
            (0..length)
                .map(|i| {
                    let (a, b) = (at(0, i)?, at(1, i)?);
                    Some(match self.operation.as_str() {
                        "Add" | "Sum" if all.len() == 2 => a + b,
                        "Sub" => a - b,
                        "Mul" => a * b,
                        "Div" => a / b,
                        "Pow" => a.powf(b),
                        "Min" if all.len() == 2 => a.min(b),
                        "Max" if all.len() == 2 => a.max(b),
                        "Mod" => a.rem_euclid(b),
                        "Equal" => truth(a == b),
                        "Greater" => truth(a > b),
                        "Less" => truth(a < b),
                        "GreaterOrEqual" => truth(a >= b),
                        "LessOrEqual" => truth(a <= b),
                        "Where" => {
                            if a == 0.0 {
                                at(2, i)?
                            } else {
                                b
                            }
                        }
                        _ => return None,
                    })
                })
                .collect()
        };
        let values = values();
        Known { values, ..Known::shaped(shape) }
    }
}

/// The axis or index that a number means, from the end if it is negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked
fn place(value: f64, length: usize) -> Option<usize> {
    let at = if value < 0.0 { value + length as f64 } else { value };
    (at >= 0.0 && at < length as f64).then_some(at as usize)
}

/// The shape of several that are stretched to each other.
fn broadcast(shapes: &[&[u64]]) -> Option<Vec<u64>> {
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let mut found = vec![1; rank];
    for shape in shapes {
        for (side, &n) in found.iter_mut().rev().zip(shape.iter().rev()) {
            // What does not fit is for the engine to refuse.
            *side = if *side == 1 { n } else { (*side).max(n) };
        }
    }
    Some(found)
}

/// The product of matrices, and the length of its sums.
fn multiplied(a: &Known, b: &Known) -> (Known, u64) {
    let (Some(a), Some(b)) = (&a.shape, &b.shape) else { return (Known::default(), 1) };
    let inner = a.last().copied().unwrap_or(1);
    let (before_a, rows) = match a.as_slice() {
        [before @ .., rows, _] => (before, Some(*rows)),
        _ => (&[][..], None),
    };
    let (before_b, columns) = match b.as_slice() {
        [before @ .., _, columns] => (before, Some(*columns)),
        _ => (&[][..], None),
    };
    let mut shape = broadcast(&[before_a, before_b]).unwrap_or_default();
    shape.extend(rows);
    shape.extend(columns);
    (Known::shaped(shape), inner)
}

/// The same elements in another shape.
fn reshaped(input: &Known, wanted: Option<&[f64]>) -> Known {
    let shape = || -> Option<Vec<u64>> {
        let mut shape: Vec<Option<u64>> = Vec::new();
        for (axis, &side) in wanted?.iter().enumerate() {
            shape.push(match side {
                0.0 => Some(*input.shape.as_ref()?.get(axis)?),
                s if s < 0.0 => None,
                s => Some(size(s)),
            });
        }
        let others = shape.iter().flatten().fold(1u64, |all, &n| all.saturating_mul(n));
        let rest = input.elements?.checked_div(others)?;
        let shape: Vec<u64> = shape.into_iter().map(|side| side.unwrap_or(rest)).collect();
        // A shape of more elements is an error of the engine, and no larger tensor.
        (product(&shape) <= input.elements?).then_some(shape)
    };
    let values = input.values.clone();
    Known { shape: shape(), elements: input.elements, values, ..Known::default() }
}
