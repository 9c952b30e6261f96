//! The way back: points of the encoded space in the units of the columns.

use leanset_problem::{setting, text};

use super::feature::FeatureEncoding;
use crate::error::{Error, shown};

/// Points (row-major, `n × dimensions`) column by column; every feature must be a number.
pub(crate) fn decode(
    features: &[String],
    encodings: &[FeatureEncoding],
    points: &[f64],
) -> Result<Vec<(String, Vec<f64>)>, Error> {
    let dimensions = encodings.iter().map(FeatureEncoding::width).sum::<usize>();
    if !points.len().is_multiple_of(dimensions) {
        let len = points.len();
        return Err(Error::request(format!("{len} values are no whole number of points of {dimensions} dimensions")));
    }
    let mut decoded = Vec::with_capacity(features.len());
    for (index, (name, encoding)) in features.iter().zip(encodings).enumerate() {
        let FeatureEncoding::Number { scaler, .. } = encoding else {
            let (column, kind) = (shown(name), encoding.kind());
            return Err(Error::request(format!(
                "column {column} holds {kind}: a point between rows, such as a centroid, has no value there"
            ))
            .with_hint(text!["use the nearest real rows, or ", setting::EXCLUDE.to(name)]));
        };
        // All features are numbers up to here, so the feature is the dimension.
        let values = points.chunks_exact(dimensions).map(|point| scaler.inverse_transform(point[index])).collect();
        decoded.push((name.clone(), values));
    }
    Ok(decoded)
}
