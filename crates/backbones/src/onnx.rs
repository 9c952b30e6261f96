//! As much of the ONNX format as is needed to cut a model: the graph is read, weights and attributes pass through as bytes.
//!
//! The messages list every field of onnx.proto (version 1.19) at their level, so that nothing is lost when they are written
//! again. What lies deeper is `bytes`, which has the same form on the wire.

use std::collections::HashMap;
use std::path::{Component, Path};

use bytes::Bytes;
use leanset_problem::Result;
use prost::Message;

use crate::error::{io, problem};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, optional, tag = "1")]
    pub(crate) ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) producer_version: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) domain: Option<String>,
    #[prost(int64, optional, tag = "5")]
    pub(crate) model_version: Option<i64>,
    #[prost(string, optional, tag = "6")]
    pub(crate) doc_string: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<Graph>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(crate) opset_import: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "14")]
    pub(crate) metadata_props: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "20")]
    pub(crate) training_info: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "25")]
    pub(crate) functions: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "26")]
    pub(crate) configuration: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<Node>,
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(crate) initializer: Vec<Bytes>,
    #[prost(string, optional, tag = "10")]
    pub(crate) doc_string: Option<String>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) value_info: Vec<ValueInfo>,
    #[prost(bytes = "bytes", repeated, tag = "14")]
    pub(crate) quantization_annotation: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "15")]
    pub(crate) sparse_initializer: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "16")]
    pub(crate) metadata_props: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) op_type: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(crate) attribute: Vec<Bytes>,
    #[prost(string, optional, tag = "6")]
    pub(crate) doc_string: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) domain: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub(crate) overload: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub(crate) metadata_props: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "10")]
    pub(crate) device_configurations: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfo {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) kind: Option<Kind>,
    #[prost(string, optional, tag = "3")]
    pub(crate) doc_string: Option<String>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(crate) metadata_props: Vec<Bytes>,
}

/// `TypeProto`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Kind {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor: Option<TensorKind>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) sequence: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(crate) map: Option<Bytes>,
    #[prost(string, optional, tag = "6")]
    pub(crate) denotation: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub(crate) opaque: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub(crate) sparse: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub(crate) optional: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorKind {
    #[prost(int32, optional, tag = "1")]
    pub(crate) elements: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dimensions: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(crate) value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) denotation: Option<String>,
}

/// Of an initializer: its name, and all of one that is in another file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dimensions: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) elements: Option<i32>,
    #[prost(string, optional, tag = "8")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub(crate) raw: Option<Bytes>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) elsewhere: Vec<Entry>,
    #[prost(int32, optional, tag = "14")]
    pub(crate) location: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

/// Of a sparse initializer: its values, which carry its name.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sparse {
    #[prost(message, optional, tag = "1")]
    pub(crate) values: Option<Tensor>,
}

/// Of an attribute: whether it holds graphs.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub(crate) graph: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "11")]
    pub(crate) graphs: Vec<Bytes>,
}

/// `TensorProto.FLOAT`.
pub(crate) const FLOAT: i32 = 1;
/// `TensorProto.EXTERNAL`.
const EXTERNAL: i32 = 1;

impl Node {
    /// Whether it holds graphs, which can use any tensor by its name.
    pub(crate) fn has_graphs(&self) -> bool {
        self.attribute.iter().any(|bytes| {
            // What cannot be read is kept, and so is all that it could mean.
            Attribute::decode(bytes.clone()).map_or(true, |a| a.graph.is_some() || !a.graphs.is_empty())
        })
    }
}

impl ValueInfo {
    pub(crate) fn tensor(&self) -> Option<&TensorKind> {
        self.kind.as_ref()?.tensor.as_ref()
    }
}

/// The name of an initializer.
pub(crate) fn name_of(initializer: &Bytes) -> String {
    Tensor::decode(initializer.clone()).ok().and_then(|t| t.name).unwrap_or_default()
}

/// Reads a model.
pub(crate) fn read(path: &Path) -> Result<(Model, Bytes)> {
    let bytes = leanset_problem::files::read_given(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => io(path, "cannot be opened", e).hint(
            "YOLOv5m, the paper's, takes two commands: pip install ultralytics onnx, and yolo export model=yolov5mu.pt format=onnx dynamic=True",
        ),
        _ => io(path, "cannot be opened", e),
    })?;
    let bytes = Bytes::from(bytes);
    let strange = |why: &str| {
        problem(
            format!("{}: is not an ONNX model: {why}", path.display()),
            "export the model to ONNX: yolo export format=onnx, or torch.onnx.export",
        )
    };
    let model = Model::decode(bytes.clone()).map_err(|e| strange(&e.to_string()).caused_by(e))?;
    if model.graph.as_ref().is_none_or(|g| g.node.is_empty() && g.output.is_empty()) {
        return Err(strange("it has no graph"));
    }
    Ok((model, bytes))
}

/// Puts weights that are in files beside the model into it.
pub(crate) fn bring_in(graph: &mut Graph, path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Bytes that were brought in, and the files that they are from: a few bytes of the model can name the same ones any number
    // of times.
    let (mut brought, mut files) = (0u64, HashMap::new());
    for initializer in &mut graph.initializer {
        let Ok(mut tensor) = Tensor::decode(initializer.clone()) else { continue };
        if tensor.location != Some(EXTERNAL) {
            continue;
        }
        let said =
            |key: &str| tensor.elsewhere.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.clone());
        let name = tensor.name.clone().unwrap_or_default();
        let bad = |what: &str| {
            problem(
                format!("{}: the weights '{name}' are said to be {what}", path.display()),
                "export the model again, in one file if it is below 2 GB: torch.onnx.export(…, external_data=False)",
            )
        };
        let place = said("location").ok_or_else(|| bad("in another file, which is not named"))?;
        if !Path::new(&place).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
            return Err(bad(&format!("in '{place}', outside the model's folder")));
        }
        let number =
            |key: &str| said(key).map(|v| v.parse::<u64>().map_err(|_| bad(&format!("at {key} '{v}'")))).transpose();
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let file = folder.join(&place);
        files.entry(file.clone()).or_insert_with(|| std::fs::metadata(&file).map_or(0, |m| m.len()));
        let raw =
            part(&file, offset, length).map_err(|e| io(&file, &format!("the weights '{name}' cannot be read"), e))?;
        brought += raw.len() as u64;
        if brought > 2 * files.values().sum::<u64>() {
            return Err(bad(&format!("in '{place}' where other weights are too")));
        }
        tensor.raw = Some(raw);
        tensor.elsewhere.clear();
        tensor.location = None;
        *initializer = tensor.encode_to_vec().into();
    }
    Ok(())
}

/// A part of a file.
fn part(file: &Path, offset: u64, length: Option<u64>) -> std::io::Result<Bytes> {
    use std::io::{Read as _, Seek as _};
    let mut file = leanset_problem::files::open(file)?;
    let rest = file.metadata()?.len().saturating_sub(offset);
    let length = length.unwrap_or(rest);
    if length > rest {
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file is too short"));
    }
    file.seek(std::io::SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}
