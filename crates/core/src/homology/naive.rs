//! Persistence by the definition: every simplex listed, the boundary matrix reduced column by column. O(n^{3(k + 2)}).

use super::{Bar, Diagram};

/// The diagrams in dimensions 0 ..= `dimension` of the Vietoris–Rips filtration of n points.
pub(crate) fn diagrams(n: usize, distance: impl Fn(usize, usize) -> f64, dimension: usize) -> Vec<Diagram> {
    // Simplices with their scale, by scale, then dimension, then vertices: faces come before what they are faces of.
    let mut simplices: Vec<(f64, Vec<usize>)> = (0..n).map(|v| (0.0, vec![v])).collect();
    let mut last = simplices.clone();
    for _ in 0..=dimension {
        let mut next = Vec::new();
        for (scale, vertices) in &last {
            for v in vertices[vertices.len() - 1] + 1..n {
                let scale = vertices.iter().map(|&u| distance(v, u)).fold(*scale, f64::max);
                next.push((scale, [&vertices[..], &[v]].concat()));
            }
        }
        simplices.extend(next.iter().cloned());
        last = next;
    }
    simplices.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.len().cmp(&b.1.len())).then(a.1.cmp(&b.1)));
    let place: std::collections::HashMap<&[usize], usize> =
        simplices.iter().enumerate().map(|(i, s)| (s.1.as_slice(), i)).collect();
    let mut with_low: Vec<Option<Vec<usize>>> = vec![None; simplices.len()];
    let mut open = vec![false; simplices.len()];
    let mut bars = vec![Vec::new(); dimension + 2];
    for (at, (scale, vertices)) in simplices.iter().enumerate() {
        let face = |skip: usize| [&vertices[..skip], &vertices[skip + 1..]].concat();
        let faces = (0..vertices.len()).filter(|_| vertices.len() > 1);
        let mut column: Vec<usize> = faces.map(|skip| place[face(skip).as_slice()]).collect();
        column.sort_unstable();
        while let Some(other) = column.last().and_then(|&low| with_low[low].as_ref()) {
            let (mut kept, mut sum) = (other.iter().peekable(), Vec::new());
            for &entry in &column {
                while let Some(&e) = kept.next_if(|&&e| e < entry) {
                    sum.push(e);
                }
                if kept.next_if(|&&e| e == entry).is_none() {
                    sum.push(entry);
                }
            }
            sum.extend(kept);
            column = sum;
        }
        match column.last() {
            None => open[at] = true,
            Some(&low) => {
                bars[vertices.len() - 2].push(Bar { birth: simplices[low].0, death: *scale });
                open[low] = false;
                with_low[low] = Some(column);
            }
        }
    }
    for (at, (scale, vertices)) in simplices.iter().enumerate() {
        if open[at] && vertices.len() <= dimension + 1 {
            bars[vertices.len() - 1].push(Bar { birth: *scale, death: f64::INFINITY });
        }
    }
    bars.truncate(dimension + 1);
    bars.into_iter().enumerate().map(|(k, bars)| Diagram::new(k, bars)).collect()
}
