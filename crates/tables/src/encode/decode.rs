//! The way back: points of the encoded space in the units of the columns.

use leanset_problem::{setting, text};
use leanset_spec::Scale;

use super::feature::FeatureEncoding;
use crate::column::{Column, ListItem, ListType, Lists};
use crate::error::{Error, shown};

/// Points (row-major, `n × dimensions`) column by column; every feature must be numbers or lists of them.
pub(crate) fn decode(
    features: &[String],
    encodings: &[FeatureEncoding],
    scale: Scale,
    points: &[f64],
) -> Result<Vec<(String, Column)>, Error> {
    let dimensions = encodings.iter().map(FeatureEncoding::width).sum::<usize>();
    if !points.len().is_multiple_of(dimensions) {
        let len = points.len();
        return Err(Error::request(format!("{len} values are no whole number of points of {dimensions} dimensions")));
    }
    if scale == Scale::Unit {
        return Err(Error::request(text![
            setting::SCALE.to(Scale::Unit),
            ": rows were scaled to unit length, and a point between rows has no length of its own"
        ])
        .with_hint(text!["use the nearest real rows, or ", setting::SCALE.to(Scale::None)]));
    }
    let mut decoded = Vec::with_capacity(features.len());
    let mut offset = 0;
    for (name, encoding) in features.iter().zip(encodings) {
        let rows = points.chunks_exact(dimensions).map(|point| &point[offset..][..encoding.width()]);
        let column = match encoding {
            FeatureEncoding::Number { scaler, .. } => {
                Column::from(rows.map(|x| scaler.inverse_transform(x[0])).collect::<Vec<f64>>())
            }
            FeatureEncoding::Integer { origin, scaler, .. } => {
                let value = |x: &[f64]| *origin as f64 + scaler.inverse_transform(x[0]);
                Column::from(rows.map(value).collect::<Vec<f64>>())
            }
            FeatureEncoding::List { length, scalers, list_type, .. } => {
                let value = |(j, &x): (usize, &f64)| scalers.get(j).map_or(x, |scaler| scaler.inverse_transform(x));
                let values = rows.flat_map(|row| row.iter().enumerate().map(value)).collect();
                // Between integers there are fractions.
                let item = if list_type.item.is_integer() { ListItem::Float64 } else { list_type.item };
                Column::from(Lists::of(values, *length, ListType { item, ..*list_type }))
            }
            FeatureEncoding::Boolean { .. } | FeatureEncoding::OneHot { .. } => {
                let (column, kind) = (shown(name), encoding.kind());
                return Err(Error::request(format!(
                    "column {column} holds {kind}: a point between rows, such as a centroid, has no value there"
                ))
                .with_hint(text!["use the nearest real rows, or ", setting::EXCLUDE.to(name)]));
            }
        };
        offset += encoding.width();
        decoded.push((name.clone(), column));
    }
    Ok(decoded)
}
