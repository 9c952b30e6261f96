//! Making the reduced dataset of a manifest again.

use std::path::{Path, PathBuf};

use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::manifest::images::{FILE, ImagesManifest};
use leanset_spec::request::ReduceImages;

use super::expected::Expected;
use super::reduce::{ImageDestination, ImageReduction};
use crate::context::Context;
use crate::expected::found;

/// Where files are now. What is not said is where the manifest says, or beside it.
#[derive(Clone, Debug, Default)]
pub struct ImagePlaces {
    /// The dataset.
    pub dataset: Option<PathBuf>,
    /// The images of a COCO file.
    pub images: Option<PathBuf>,
    /// The table of categories.
    pub categories: Option<PathBuf>,
    /// The model.
    pub model: Option<PathBuf>,
    /// The library of ONNX Runtime.
    pub onnxruntime: Option<PathBuf>,
    /// What it computes on.
    pub device: Option<String>,
    /// Images that the model is given at once.
    pub batch: Option<usize>,
    /// The table of features.
    pub features: Option<PathBuf>,
    /// The paths of its rows.
    pub feature_paths: Option<PathBuf>,
    /// The most bytes of a contact sheet, if one is to be made that the manifest does not have.
    pub report_bytes: Option<u64>,
}

/// Reads the manifest of a reduced dataset, from itself or from its folder. Returns where it is, too.
///
/// # Errors
/// It cannot be read, or is no manifest of this version.
pub fn read(path: &Path) -> Result<(ImagesManifest, PathBuf)> {
    let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
    let name = file.display().to_string();
    let text = leanset_problem::files::read_given_text(&file)
        .map_err(|e| Problem::io(format!("{name}: cannot be read"), e))?;
    Ok((ImagesManifest::parse(&name, &text)?, file))
}

/// A reduction that must come out as its manifest says: [`ImageReduction::run`] compares before anything is written. `file`
/// is where the manifest is: files may be beside it.
///
/// # Errors
/// A file is not the one of the manifest; and as [`ImageReduction::prepare`].
pub fn reproduce<'a>(
    manifest: ImagesManifest,
    file: &Path,
    places: &ImagePlaces,
    destination: &ImageDestination,
    context: &Context<'a>,
) -> Result<ImageReduction<'a>> {
    let request = placed(&manifest, file, places)?;
    ImageReduction::prepare_expected(&request, destination, context, Some(Expected(manifest)))
}

/// The request with files where they are now.
fn placed(manifest: &ImagesManifest, file: &Path, places: &ImagePlaces) -> Result<ReduceImages> {
    // It is in the folder that was made; the command was run where that is, often.
    let folder = file.parent().unwrap_or(Path::new(""));
    let above = folder.join("..");
    let place = |given: &Option<PathBuf>, recorded: &Option<PathBuf>| {
        given.clone().or_else(|| recorded.as_ref().map(|recorded| found(recorded, &[folder, &above])))
    };
    let mut request = manifest.request.clone();
    request.dataset = place(&places.dataset, &Some(request.dataset)).unwrap_or_default();
    request.division.images = place(&places.images, &request.division.images);
    request.division.categories = place(&places.categories, &request.division.categories);
    request.features.table = place(&places.features, &request.features.table);
    request.features.paths = place(&places.feature_paths, &request.features.paths);
    request.report_bytes = places.report_bytes.or(request.report_bytes);
    let model = &mut request.features.model;
    let Some(record) = &manifest.features.model else {
        // Nothing can be said of a model that there is not.
        let said = [
            (&setting::ONNXRUNTIME, places.onnxruntime.is_some()),
            (&setting::DEVICE, places.device.is_some()),
            (&setting::MODEL_BATCH, places.batch.is_some()),
        ];
        if let Some((setting, _)) = said.iter().find(|(_, said)| *said)
            && places.model.is_none()
        {
            return Err(
                Problem::new(text![*setting, ": the manifest has no model"]).hint(text!["leave ", *setting, " out"])
            );
        }
        model.model.clone_from(&places.model);
        return Ok(request);
    };
    let runtime = record.engine.starts_with("ONNX Runtime");
    match &places.onnxruntime {
        None if runtime => {
            return Err(Problem::new(format!("the model of the manifest was run by {}", record.engine))
                .hint(text![setting::ONNXRUNTIME.to("PATH"), " says where that library is"]));
        }
        Some(library) if !runtime => {
            return Err(Problem::new(text![
                setting::ONNXRUNTIME.to(library.display()),
                format!(": the model of the manifest was run by {}", record.engine)
            ])
            .hint(text!["leave ", &setting::ONNXRUNTIME, " out"]));
        }
        _ => {}
    }
    model.model = place(&places.model, &Some(record.path.clone()));
    model.onnxruntime.clone_from(&places.onnxruntime);
    model.device = places.device.clone().or_else(|| model.device.take());
    model.batch = places.batch.or(model.batch);
    Ok(request)
}
