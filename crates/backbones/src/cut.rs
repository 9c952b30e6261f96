//! Finds the tensor of a model that is used as features, before the layers that classify or detect, and cuts the graph there.

use std::collections::{HashMap, HashSet};

use leanset_problem::{Result, list, setting, text};

use crate::error::problem;
use crate::onnx::{FLOAT, Graph, Kind, Node, Sparse, TensorKind, ValueInfo, name_of};

/// Which tensor of a model is used as features. One with height and width is averaged over them, one of tokens over the
/// tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// The end of the SPPF of a YOLO detector; else what the last fully connected layer is fed; else the output of a model
    /// that ends without either. A detector without SPPF is refused.
    #[default]
    Auto,
    /// The end of the SPPF, layer 9 of YOLOv5 and YOLOv8: three max-poolings of one tensor, in a row (or side by side, as
    /// in SPP), joined with it, and the convolution with normalisation and activation behind.
    Sppf,
    /// What the last fully connected layer is fed.
    Penultimate,
    /// The model's only output.
    Output,
    /// The tensor of this name.
    Tensor(String),
}

impl Layer {
    /// The layer of this name: one of the rules, else a tensor.
    pub fn named(name: &str) -> Self {
        match name {
            "auto" => Self::Auto,
            "sppf" => Self::Sppf,
            "penultimate" => Self::Penultimate,
            "output" => Self::Output,
            name => Self::Tensor(name.to_owned()),
        }
    }
}

/// The tensor that was found, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) tensor: String,
    /// One of the rules of [`Layer`]; never `Auto`.
    pub(crate) rule: Layer,
}

/// Operations after which values are the same ones in another form, or rescaled: a decision stays one.
const FORMS: [&str; 11] = [
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "Identity",
    "Cast",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "Dropout",
    "Clip",
];
/// The last operations of models whose output is features.
const DESCRIPTIONS: [&str; 12] = [
    "GlobalAveragePool",
    "GlobalMaxPool",
    "AveragePool",
    "MaxPool",
    "ReduceMean",
    "LayerNormalization",
    "LpNormalization",
    "Gather",
    "Div",
    "BatchNormalization",
    "Relu",
    "HardSwish",
];
const ACTIVATIONS: [&str; 12] = [
    "Relu",
    "LeakyRelu",
    "Clip",
    "HardSwish",
    "Elu",
    "Selu",
    "Mish",
    "Tanh",
    "Sigmoid",
    "HardSigmoid",
    "PRelu",
    "Swish",
];

/// Names of tensors that an error lists.
const LISTED: usize = 4;

struct Wires<'g> {
    graph: &'g Graph,
    /// The node that makes a tensor.
    maker: HashMap<&'g str, usize>,
    /// The nodes that take a tensor, in order.
    takers: HashMap<&'g str, Vec<usize>>,
    constants: HashSet<String>,
}

impl<'g> Wires<'g> {
    fn new(graph: &'g Graph) -> Self {
        let mut maker = HashMap::new();
        let mut takers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            // An optional input or output that is left out has the empty name.
            for name in node.output.iter().filter(|n| !n.is_empty()) {
                maker.insert(name.as_str(), index);
            }
            for name in node.input.iter().filter(|n| !n.is_empty()) {
                takers.entry(name).or_default().push(index);
            }
        }
        let constants = initializers(graph)
            .into_iter()
            .chain(graph.node.iter().filter(|n| n.op_type() == "Constant").flat_map(|n| n.output.iter().cloned()));
        let constants = constants.collect();
        Self { graph, maker, takers, constants }
    }

    fn made_by(&self, tensor: &str) -> Option<&'g Node> {
        self.maker.get(tensor).map(|&i| &self.graph.node[i])
    }

    fn taken_by(&self, tensor: &str) -> impl Iterator<Item = &'g Node> {
        self.takers.get(tensor).into_iter().flatten().map(|&i| &self.graph.node[i])
    }

    /// The end of an SPPF, or SPP: of several, the first.
    fn sppf(&self) -> Option<String> {
        let concats = self.graph.node.iter().filter(|n| n.op_type() == "Concat" && n.input.len() == 4);
        concats.filter(|n| self.pools_one_tensor(n)).find_map(|concat| {
            let mut behind = self.taken_by(concat.output.first()?);
            let convolution = behind.next().filter(|n| n.op_type() == "Conv")?;
            if behind.next().is_some() {
                return None;
            }
            Some(self.past_activation(convolution.output.first()?))
        })
    }

    /// Whether a node joins a tensor and three max-poolings of it, in a row or side by side.
    fn pools_one_tensor(&self, concat: &Node) -> bool {
        let from =
            |tensor: &str| self.made_by(tensor).filter(|n| n.op_type() == "MaxPool").and_then(|n| n.input.first());
        let pooled: Vec<&String> = concat.input.iter().filter(|t| from(t).is_some()).collect();
        let Some(source) = concat.input.iter().find(|t| from(t).is_none()) else { return false };
        pooled.len() == 3
            && pooled.iter().all(|tensor| {
                let before = from(tensor);
                before == Some(source) || (before != Some(*tensor) && pooled.iter().any(|p| before == Some(*p)))
            })
    }

    /// What comes out of the normalisation and the activation behind a tensor.
    fn past_activation(&self, tensor: &str) -> String {
        let mut tensor = tensor.to_owned();
        // A graph that goes round in a circle is no model, and no reason to go round with it.
        for _ in 0..=self.graph.node.len() {
            let takers: Vec<&Node> = self.taken_by(&tensor).collect();
            let next = match takers.as_slice() {
                [one] if one.op_type() == "BatchNormalization" => one.output.first(),
                [one] if ACTIVATIONS.contains(&one.op_type()) => return one.output.first().unwrap_or(&tensor).clone(),
                // x · sigmoid(x), which has no name of its own in most exports.
                [a, b] => {
                    let (gate, product) = if a.op_type() == "Mul" { (b, a) } else { (a, b) };
                    let gated = ["Sigmoid", "HardSigmoid"].contains(&gate.op_type())
                        && product.op_type() == "Mul"
                        && gate.output.first().is_some_and(|g| product.input.contains(g));
                    return if gated { product.output.first().unwrap_or(&tensor).clone() } else { tensor };
                }
                _ => None,
            };
            match next {
                Some(next) => tensor = next.clone(),
                None => return tensor,
            }
        }
        tensor
    }

    /// The node that decides on the output, before it only took other forms; and whether one of these made parts of it.
    fn decider(&self) -> Option<(&'g Node, bool)> {
        let mut tensor = self.graph.output.first()?.name();
        let mut parts = false;
        for _ in 0..=self.graph.node.len() {
            let node = self.made_by(tensor)?;
            let mut varying = node.input.iter().filter(|t| !self.constants.contains(*t));
            tensor = match (node.op_type(), varying.next(), varying.next()) {
                ("Add", Some(one), None) => one,
                (op, Some(one), _) if FORMS.contains(&op) && node.input.first() == Some(one) => one,
                _ => return Some((node, parts)),
            };
            parts |= ["Softmax", "LogSoftmax", "Sigmoid"].contains(&node.op_type());
        }
        None
    }

    /// What the last fully connected layer is fed.
    fn penultimate(&self) -> Option<String> {
        let (node, _) = self.decider()?;
        let [input, weights, ..] = node.input.as_slice() else { return None };
        (["Gemm", "MatMul"].contains(&node.op_type()) && self.constants.contains(weights)).then(|| input.clone())
    }

    /// The only output, if its operation is one of features.
    fn description(&self) -> Option<String> {
        let [output] = self.graph.output.as_slice() else { return None };
        // Parts of one are a decision, whatever they were computed from.
        let (node, parts) = self.decider()?;
        (!parts && DESCRIPTIONS.contains(&node.op_type())).then(|| output.name().to_owned())
    }
}

/// The names of initializers, dense and sparse.
fn initializers(graph: &Graph) -> HashSet<String> {
    use prost::Message as _;
    let sparse = |bytes: &bytes::Bytes| Sparse::decode(bytes.clone()).ok()?.values?.name;
    graph.initializer.iter().map(name_of).chain(graph.sparse_initializer.iter().filter_map(sparse)).collect()
}

/// The inputs that are not initializers.
pub(crate) fn inputs(graph: &Graph) -> Vec<ValueInfo> {
    let constants = initializers(graph);
    graph.input.iter().filter(|i| !constants.contains(i.name())).cloned().collect()
}

/// Finds the tensor; `name` is the model's, for errors.
pub(crate) fn find(graph: &Graph, layer: &Layer, name: &str) -> Result<Found> {
    let wires = Wires::new(graph);
    let found = |tensor: Option<String>, rule: Layer| tensor.map(|tensor| Found { tensor, rule });
    let outputs: Vec<&str> = graph.output.iter().map(ValueInfo::name).collect();
    let one = if let [one] = outputs.as_slice() { Some((*one).to_owned()) } else { None };
    let hint = || {
        let fed = fed(&wires);
        let outputs = format!("; outputs are {}", list(&outputs, LISTED));
        let fed = match fed.as_slice() {
            [] => String::new(),
            fed => format!(", inputs of fully connected layers are {}", list(fed, LISTED)),
        };
        text!["name the tensor of the features with ", setting::LAYER.to("NAME"), outputs, fed]
    };
    let (tensor, what) = match layer {
        Layer::Auto => (
            found(wires.sppf(), Layer::Sppf)
                .or_else(|| found(wires.penultimate(), Layer::Penultimate))
                .or_else(|| found(wires.description(), Layer::Output)),
            "neither an SPPF, nor a last fully connected layer, nor a description as its only output".to_owned(),
        ),
        Layer::Sppf => (found(wires.sppf(), Layer::Sppf), "no SPPF".to_owned()),
        Layer::Penultimate => {
            (found(wires.penultimate(), Layer::Penultimate), "no last fully connected layer".to_owned())
        }
        Layer::Output => (found(one, Layer::Output), format!("{} outputs, not one", outputs.len())),
        Layer::Tensor(tensor) => {
            let there = wires.maker.contains_key(tensor.as_str()).then(|| tensor.clone());
            (found(there, layer.clone()), format!("no tensor '{tensor}'"))
        }
    };
    tensor.ok_or_else(|| problem(format!("{name}: has {what}"), hint()))
}

/// What fully connected layers are fed.
fn fed(wires: &Wires<'_>) -> Vec<String> {
    let dense = |n: &&Node| {
        ["Gemm", "MatMul"].contains(&n.op_type()) && n.input.get(1).is_some_and(|w| wires.constants.contains(w))
    };
    wires.graph.node.iter().rev().filter(dense).filter_map(|n| n.input.first().cloned()).collect()
}

/// Leaves of a graph only what the tensor is made of, and makes it the output.
pub(crate) fn keep(graph: &mut Graph, tensor: &str) {
    let kept = needed(graph, tensor);
    if let Some((nodes, tensors)) = kept {
        let mut index = 0;
        graph.node.retain(|_| {
            index += 1;
            nodes.contains(&(index - 1))
        });
        graph.initializer.retain(|bytes| tensors.contains(&name_of(bytes)));
        graph.input.retain(|input| tensors.contains(input.name()));
        graph.value_info.retain(|info| tensors.contains(info.name()));
        graph.quantization_annotation.clear();
    }
    let shape = graph.value_info.iter().chain(&graph.output).find(|info| info.name() == tensor);
    let shape = shape.and_then(ValueInfo::tensor).and_then(|t| t.shape.clone());
    let kind = Kind { tensor: Some(TensorKind { elements: Some(FLOAT), shape }), ..Kind::default() };
    graph.output = vec![ValueInfo { name: Some(tensor.to_owned()), kind: Some(kind), ..ValueInfo::default() }];
    graph.value_info.retain(|info| info.name() != tensor);
}

/// The nodes and tensors that a tensor is made of; `None` if names do not tell, or the graph holds more than
/// is understood here.
fn needed(graph: &Graph, tensor: &str) -> Option<(HashSet<usize>, HashSet<String>)> {
    if !graph.sparse_initializer.is_empty() {
        return None;
    }
    let wires = Wires::new(graph);
    let (mut nodes, mut tensors) = (HashSet::new(), HashSet::new());
    let mut open = vec![tensor];
    while let Some(tensor) = open.pop() {
        if tensor.is_empty() || !tensors.insert(tensor.to_owned()) {
            continue;
        }
        let Some(&maker) = wires.maker.get(tensor) else { continue };
        if nodes.insert(maker) {
            let node = &graph.node[maker];
            if node.has_graphs() {
                return None;
            }
            open.extend(node.input.iter().map(String::as_str));
            tensors.extend(node.output.iter().cloned());
        }
    }
    Some((nodes, tensors))
}
