//! A step of training, fused: forward, loss, backward and the optimizer over panels of 32 rows.
//!
//! Lanes are rows. Values of a layer lie unit by unit, 32 rows each (`by_unit`), so that activation, dropout and softmax
//! are lane by lane and a forward or backward product is a weight, spread to all lanes, times a vector of rows. For the
//! gradient, in which rows are summed over, the inputs of a layer lie row by row too (`by_row`): there a unit's error
//! of one row, spread, multiplies a vector of inputs. All three are one product of tiles, ten units by two vectors of
//! sums in registers. The bias is the weight of an input that is always 1.
//!
//! Every sum runs in one order whatever the instruction set: over inputs, units or rows ascending.

use leanset_core::{Look, Result};

use crate::network::{Activation, Loss, Optimizer};
use crate::simd::{Kernel, LANES, Lanes};

/// Rows of a panel.
pub(crate) const ROWS: usize = 32;

/// Gradients below this count as 0 (for them a step of Adam is below 1e−5 of its rate), and so do means of
/// gradients and of their squares below the next two: denormal numbers would cost a hundred cycles each.
const LEAST_GRADIENT: f32 = 1e-15;
const LEAST_MEAN: f32 = 1e-18;
const LEAST_SQUARE: f32 = 1e-32;

/// Numbers that begin at a cache line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned(Vec<Line>);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

impl Aligned {
    /// So many zeros, rounded up to whole lines.
    pub(crate) fn zeros(count: usize) -> Self {
        Self(vec![Line::default(); count.div_ceil(LANES)])
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen numbers and nothing else.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LANES) }
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LANES) }
    }
}

/// One layer: `outputs` rows of `stride` parameters from `first` on, the weights of its inputs, then the bias, then zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) stride: usize,
    pub(crate) first: usize,
}

/// Numbers of a row of `inputs`, the one of the bias, and what fills the lanes.
pub(crate) fn stride_of(inputs: usize) -> usize {
    (inputs + 1).next_multiple_of(LANES)
}

/// What a network is to the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) layers: Vec<Layer>,
    pub(crate) activation: Activation,
    pub(crate) loss: Loss,
    /// A unit is kept where the halved state is at least this.
    pub(crate) threshold: i32,
    /// Factor of kept units.
    pub(crate) scale: f32,
}

impl Plan {
    pub(crate) fn new(
        hidden: &[usize],
        activation: Activation,
        dropout: f64,
        loss: Loss,
        ends: (usize, usize),
    ) -> Self {
        let widths: Vec<usize> =
            std::iter::once(ends.0).chain(hidden.iter().copied()).chain(std::iter::once(ends.1)).collect();
        let mut first = 0;
        let layers = widths.windows(2).map(|w| {
            let layer = Layer { inputs: w[0], outputs: w[1], stride: stride_of(w[0]), first };
            first += layer.stride * layer.outputs;
            layer
        });
        let threshold = (dropout * f64::from(1u32 << 31)).round() as i32;
        Self { layers: layers.collect(), activation, loss, threshold, scale: (1.0 / (1.0 - dropout)) as f32 }
    }

    pub(crate) fn parameters(&self) -> usize {
        self.layers.last().map_or(0, |l| l.first + l.stride * l.outputs)
    }

    pub(crate) fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }
}

/// Rows that are trained on or predicted: `stride` numbers each, the last input followed by a 1.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) values: Aligned,
    pub(crate) stride: usize,
    pub(crate) labels: Vec<u32>,
    pub(crate) weights: Vec<f32>,
}

/// Room for the values of one panel.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// Of each layer its inputs: stride × 32.
    by_unit: Vec<Aligned>,
    /// And again: 32 × stride.
    by_row: Vec<Aligned>,
    /// Of each layer the derivatives of its outputs by their sums: outputs × 32.
    slopes: Vec<Aligned>,
    /// Of each layer the derivatives of the loss by its sums: outputs × 32. Of the last, first its outputs.
    errors: Vec<Aligned>,
    /// Of each row the state of its dropout.
    states: Aligned,
    /// As the parameters.
    pub(crate) gradients: Aligned,
}

impl Workspace {
    pub(crate) fn new(plan: &Plan) -> Self {
        let each = |of: &dyn Fn(&Layer) -> usize| plan.layers.iter().map(|l| Aligned::zeros(of(l) * ROWS)).collect();
        let mut by_unit: Vec<Aligned> = each(&|l| l.stride);
        let by_row = each(&|l| l.stride);
        for (values, layer) in by_unit.iter_mut().zip(&plan.layers) {
            values[layer.inputs * ROWS..][..ROWS].fill(1.0);
        }
        Self {
            by_unit,
            by_row,
            slopes: each(&|l| l.outputs),
            errors: each(&|l| l.outputs),
            states: Aligned::zeros(ROWS),
            gradients: Aligned::zeros(plan.parameters()),
        }
    }
}

/// Σ_i w[j·unit + i·step] · x[i·across] for J units and R vectors.
///
/// # Safety
/// All of these can be read.
#[inline(always)]
unsafe fn products<V: Lanes, const J: usize, const R: usize>(
    (w, unit, step): (*const f32, usize, usize),
    (x, across): (*const f32, usize),
    count: usize,
) -> [[V; R]; J] {
    let mut sums = [[V::splat(0.0); R]; J];
    for i in 0..count {
        // SAFETY: as promised by the caller.
        unsafe {
            let mut xs = [V::splat(0.0); R];
            for r in 0..R {
                xs[r] = V::load(x.add(i * across + r * LANES));
            }
            for j in 0..J {
                let w = V::splat(*w.add(j * unit + i * step));
                for r in 0..R {
                    sums[j][r] = w.fma(xs[r], sums[j][r]);
                }
            }
        }
    }
    sums
}

/// What is done with each tile of sums.
trait Tile {
    /// J units from `j` on, R vectors from `r` on.
    ///
    /// # Safety
    /// There are so many.
    unsafe fn run<V: Lanes, const J: usize, const R: usize>(&mut self, j: usize, r: usize);
}

/// All units by all vectors, in tiles that fit the registers.
///
/// # Safety
/// The tile's arrays are of so many units and vectors.
#[inline(always)]
unsafe fn sweep<V: Lanes>(tile: &mut impl Tile, units: usize, vectors: usize) {
    let mut r = 0;
    while r < vectors {
        // SAFETY: as promised by the caller.
        unsafe {
            if !V::WIDE {
                narrow::<V>(tile, units, r);
                r += 1;
            } else if vectors - r >= 2 {
                wide::<V, 2>(tile, units, r);
                r += 2;
            } else {
                wide::<V, 1>(tile, units, r);
                r += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn wide<V: Lanes, const R: usize>(tile: &mut impl Tile, units: usize, r: usize) {
    let mut j = 0;
    // SAFETY: as promised by the caller.
    unsafe {
        while units - j >= 10 {
            tile.run::<V, 10, R>(j, r);
            j += 10;
        }
        match units - j {
            0 => {}
            1 => tile.run::<V, 1, R>(j, r),
            2 => tile.run::<V, 2, R>(j, r),
            3 => tile.run::<V, 3, R>(j, r),
            4 => tile.run::<V, 4, R>(j, r),
            5 => tile.run::<V, 5, R>(j, r),
            6 => tile.run::<V, 6, R>(j, r),
            7 => tile.run::<V, 7, R>(j, r),
            8 => tile.run::<V, 8, R>(j, r),
            _ => tile.run::<V, 9, R>(j, r),
        }
    }
}

#[inline(always)]
unsafe fn narrow<V: Lanes>(tile: &mut impl Tile, units: usize, r: usize) {
    let mut j = 0;
    // SAFETY: as promised by the caller.
    unsafe {
        while units - j >= 5 {
            tile.run::<V, 5, 1>(j, r);
            j += 5;
        }
        match units - j {
            0 => {}
            1 => tile.run::<V, 1, 1>(j, r),
            2 => tile.run::<V, 2, 1>(j, r),
            3 => tile.run::<V, 3, 1>(j, r),
            _ => tile.run::<V, 4, 1>(j, r),
        }
    }
}

/// Outputs of a layer: sums, and for a hidden one the activation and dropout.
struct Forward<'a> {
    layer: Layer,
    weights: &'a [f32],
    inputs: &'a [f32],
    outputs: &'a mut [f32],
    hidden: Option<Hidden<'a>>,
}

/// What follows the sums of a hidden layer.
struct Hidden<'a> {
    activation: Activation,
    /// In training: slopes, states of the rows, threshold and scale of dropout.
    training: Option<(&'a mut [f32], &'a mut [f32], i32, f32)>,
}

impl Tile for Forward<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes, const J: usize, const R: usize>(&mut self, j: usize, r: usize) {
        let Layer { inputs, stride, .. } = self.layer;
        // SAFETY: as promised by the caller; `forward` has checked the lengths.
        unsafe {
            let w = self.weights.as_ptr().add(j * stride);
            let sums = products::<V, J, R>((w, stride, 1), (self.inputs.as_ptr().add(r * LANES), ROWS), inputs + 1);
            let place = |j: usize, r: usize| j * ROWS + r * LANES;
            for k in 0..R {
                let mut state = match &self.hidden {
                    Some(Hidden { training: Some((_, states, ..)), .. }) => {
                        V::load(states.as_ptr().add((r + k) * LANES))
                    }
                    _ => V::splat(0.0),
                };
                for i in 0..J {
                    let sum = sums[i][k];
                    let at = place(j + i, r + k);
                    let Some(hidden) = &mut self.hidden else {
                        sum.store(self.outputs.as_mut_ptr().add(at));
                        continue;
                    };
                    let (mut value, mut slope) = activate(hidden.activation, sum);
                    if let Some((slopes, _, threshold, scale)) = &mut hidden.training {
                        if *threshold > 0 {
                            state = state.next_state();
                            let factor = state.kept(*threshold, V::splat(*scale));
                            value = value.mul(factor);
                            slope = slope.mul(factor);
                        }
                        slope.store(slopes.as_mut_ptr().add(at));
                    }
                    value.store(self.outputs.as_mut_ptr().add(at));
                }
                if let Some(Hidden { training: Some((_, states, ..)), .. }) = &mut self.hidden {
                    state.store(states.as_mut_ptr().add((r + k) * LANES));
                }
            }
        }
    }
}

/// The activation and its derivative.
#[inline(always)]
fn activate<V: Lanes>(activation: Activation, z: V) -> (V, V) {
    match activation {
        Activation::Relu => {
            let slope = z.where_above(V::splat(0.0), V::splat(1.0), V::splat(0.0));
            (z.mul(slope), slope)
        }
        Activation::Gelu => {
            // Φ by Abramowitz & Stegun 7.1.26, to 1e−7.
            const FACTORS: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];
            let one = V::splat(1.0);
            let u = z.abs().mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
            let t = one.div(u.fma(V::splat(0.327_591_1), one));
            let mut sum = V::splat(FACTORS[0]);
            for factor in &FACTORS[1..] {
                sum = sum.fma(t, V::splat(*factor));
            }
            let bell = V::splat(0.0).sub(u.mul(u)).exp();
            let tail = sum.mul(t).mul(bell).mul(V::splat(0.5));
            let phi = z.where_above(V::splat(0.0), one.sub(tail), tail);
            // 1/√(2π)
            let density = bell.mul(V::splat(0.398_942_3));
            (z.mul(phi), z.fma(density, phi))
        }
    }
}

/// Errors of the layer below: Σ_j w[j][i]·error[j], times the slope.
struct Backward<'a> {
    layer: Layer,
    weights: &'a [f32],
    errors: &'a [f32],
    slopes: &'a [f32],
    below: &'a mut [f32],
}

impl Tile for Backward<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes, const J: usize, const R: usize>(&mut self, j: usize, r: usize) {
        let Layer { outputs, stride, .. } = self.layer;
        // SAFETY: as promised by the caller; `backward` has checked the lengths.
        unsafe {
            let w = self.weights.as_ptr().add(j);
            let sums = products::<V, J, R>((w, 1, stride), (self.errors.as_ptr().add(r * LANES), ROWS), outputs);
            for i in 0..J {
                for k in 0..R {
                    let at = (j + i) * ROWS + (r + k) * LANES;
                    let slope = V::load(self.slopes.as_ptr().add(at));
                    sums[i][k].mul(slope).store(self.below.as_mut_ptr().add(at));
                }
            }
        }
    }
}

/// Gradients of a layer: Σ_b error[j][b]·input[b].
struct Gradient<'a> {
    layer: Layer,
    rows: usize,
    errors: &'a [f32],
    inputs: &'a [f32],
    gradients: &'a mut [f32],
    /// Whether these are not the first rows of the batch.
    more: bool,
}

impl Tile for Gradient<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes, const J: usize, const R: usize>(&mut self, j: usize, r: usize) {
        let stride = self.layer.stride;
        // SAFETY: as promised by the caller; `backward` has checked the lengths.
        unsafe {
            let errors = self.errors.as_ptr().add(j * ROWS);
            let inputs = self.inputs.as_ptr().add(r * LANES);
            let sums = products::<V, J, R>((errors, ROWS, 1), (inputs, stride), self.rows);
            for i in 0..J {
                for k in 0..R {
                    let to = self.gradients.as_mut_ptr().add((j + i) * stride + (r + k) * LANES);
                    let sum = if self.more { V::load(to).add(sums[i][k]) } else { sums[i][k] };
                    sum.store(to);
                }
            }
        }
    }
}

/// The rows of a panel into the workspace, row by row and unit by unit.
#[inline(always)]
fn gather<V: Lanes>(rows: &Rows, panel: &[u32], room: &mut Workspace) {
    let stride = rows.stride;
    let by_row = &mut room.by_row[0];
    for (lane, &at) in panel.iter().enumerate() {
        let (to, from) = (&mut by_row[lane * stride..][..stride], &rows.values[at as usize * stride..][..stride]);
        for column in (0..stride).step_by(LANES) {
            // SAFETY: both are of `stride` numbers, whole vectors.
            unsafe { V::load(from.as_ptr().add(column)).store(to.as_mut_ptr().add(column)) };
        }
    }
    by_row[panel.len() * stride..].fill(0.0);
    turn::<V>(by_row, stride, &mut room.by_unit[0], ROWS);
}

/// A matrix into its transpose; both sides are multiples of the lanes.
#[inline(always)]
fn turn<V: Lanes>(from: &[f32], columns: usize, to: &mut [f32], rows: usize) {
    assert!(from.len() == rows * columns && to.len() == from.len());
    assert!(columns.is_multiple_of(LANES) && rows.is_multiple_of(LANES));
    for i in (0..rows).step_by(LANES) {
        for j in (0..columns).step_by(LANES) {
            // SAFETY: the square lies in both, by the lengths above.
            unsafe {
                V::transpose(from.as_ptr().add(i * columns + j), columns, to.as_mut_ptr().add(j * rows + i), rows);
            }
        }
    }
}

/// All layers of a panel: outputs into the last errors.
#[inline(always)]
fn forward<V: Lanes>(plan: &Plan, parameters: &[f32], room: &mut Workspace, training: bool) {
    let last = plan.layers.len() - 1;
    for (l, layer) in plan.layers.iter().enumerate() {
        let weights = &parameters[layer.first..][..layer.outputs * layer.stride];
        let (below, above) = room.by_unit.split_at_mut(l + 1);
        let inputs = &below[l][..];
        assert!(inputs.len() == layer.stride * ROWS && layer.inputs < layer.stride);
        if l == last {
            let outputs = &mut room.errors[l][..];
            assert!(outputs.len() >= layer.outputs * ROWS);
            let mut tile = Forward { layer: *layer, weights, inputs, outputs, hidden: None };
            // SAFETY: the arrays are of so many units of 32 rows.
            unsafe { sweep::<V>(&mut tile, layer.outputs, ROWS / LANES) };
            return;
        }
        let outputs = &mut above[0][..layer.outputs * ROWS];
        let slopes = &mut room.slopes[l][..layer.outputs * ROWS];
        let training = training.then_some((slopes, &mut room.states[..ROWS], plan.threshold, plan.scale));
        let hidden = Some(Hidden { activation: plan.activation, training });
        let mut tile = Forward { layer: *layer, weights, inputs, outputs, hidden };
        // SAFETY: as above.
        unsafe { sweep::<V>(&mut tile, layer.outputs, ROWS / LANES) };
    }
}

/// Gradients of a panel of so many rows from the last errors.
#[inline(always)]
fn backward<V: Lanes>(plan: &Plan, parameters: &[f32], room: &mut Workspace, rows: usize, more: bool) {
    for (l, layer) in plan.layers.iter().enumerate().rev() {
        let range = layer.first..layer.first + layer.outputs * layer.stride;
        let (below, errors) = room.errors.split_at_mut(l);
        let errors = &errors[0][..layer.outputs * ROWS];
        if l > 0 {
            let width = layer.inputs * ROWS;
            let (slopes, below) = (&room.slopes[l - 1][..width], &mut below[l - 1][..width]);
            let mut tile = Backward { layer: *layer, weights: &parameters[range.clone()], errors, slopes, below };
            // SAFETY: the arrays are of so many units of 32 rows.
            unsafe { sweep::<V>(&mut tile, layer.inputs, ROWS / LANES) };
            turn::<V>(&room.by_unit[l], ROWS, &mut room.by_row[l], layer.stride);
        }
        let (inputs, gradients) = (&room.by_row[l][..], &mut room.gradients[range]);
        assert!(inputs.len() == layer.stride * ROWS && rows <= ROWS);
        let mut tile = Gradient { layer: *layer, rows, errors, inputs, gradients, more };
        // SAFETY: the arrays are of so many units, and of vectors of a stride.
        unsafe { sweep::<V>(&mut tile, layer.outputs, layer.stride / LANES) };
    }
}

/// Outputs to probabilities, in place, and for each row ln Σ exp(z) (cross-entropy) or ln(1 + exp(−|z|)) (binary) as
/// (shift, sum): the logarithm of the sum, plus the shift.
#[inline(always)]
fn normalise<V: Lanes>(loss: Loss, values: &mut [f32], outputs: usize) -> ([f32; ROWS], [f32; ROWS]) {
    let (mut shifts, mut totals) = ([0.0; ROWS], [0.0; ROWS]);
    assert!(values.len() >= outputs * ROWS);
    for r in (0..ROWS).step_by(LANES) {
        // SAFETY: there are so many values of 32 rows, and r is 0 or 16.
        unsafe {
            let place = values.as_mut_ptr().add(r);
            let (shift, total) = match loss {
                Loss::CrossEntropy => {
                    let mut largest = V::load(place);
                    for c in 1..outputs {
                        largest = V::load(place.add(c * ROWS)).max(largest);
                    }
                    let mut total = V::splat(0.0);
                    for c in 0..outputs {
                        let part = V::load(place.add(c * ROWS)).sub(largest).exp();
                        total = total.add(part);
                        part.store(place.add(c * ROWS));
                    }
                    for c in 0..outputs {
                        V::load(place.add(c * ROWS)).div(total).store(place.add(c * ROWS));
                    }
                    (largest, total)
                }
                Loss::Binary => {
                    let (zero, one) = (V::splat(0.0), V::splat(1.0));
                    let z = V::load(place);
                    let e = zero.sub(z.abs()).exp();
                    let total = one.add(e);
                    z.where_above(zero, one, e).div(total).store(place);
                    (z.max(zero), total)
                }
            };
            shift.store(shifts.as_mut_ptr().add(r));
            total.store(totals.as_mut_ptr().add(r));
        }
    }
    (shifts, totals)
}

/// ln x for x ≥ 1, to 1e−13, the same on every machine: 2·artanh((m − 1)/(m + 1)) + k ln 2 for x = m·2ᵏ.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut k = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        (m, k) = (0.5 * m, k + 1);
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in (0..9).rev() {
        sum = sum * square + 1.0 / f64::from(2 * odd + 1);
    }
    2.0 * s * sum + f64::from(k) * std::f64::consts::LN_2
}

/// exp(x) for x ≤ 0, to 1e−15, the same on every machine; 0 below −700.
pub(crate) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let k = (x * std::f64::consts::LOG2_E).round();
    let rest = x - k * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for i in (1..16).rev() {
        sum = sum * rest / f64::from(i) + 1.0;
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// Gradients of the loss of a batch, into the workspace; the loss, Σ w·loss / Σ w, comes back with Σ w.
pub(crate) struct Differentiate<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) parameters: &'a [f32],
    pub(crate) room: &'a mut Workspace,
    pub(crate) rows: &'a Rows,
    /// Positions among the rows.
    pub(crate) batch: &'a [u32],
    /// For each the state of its dropout, not 0.
    pub(crate) states: &'a [u32],
    /// Whether to stop.
    pub(crate) look: Look<'a>,
}

impl Kernel for Differentiate<'_> {
    type Output = Result<(f64, f64)>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Result<(f64, f64)> {
        let Self { plan, parameters, room, rows, batch, states, look } = self;
        assert!(parameters.len() >= plan.parameters() && rows.stride == plan.layers[0].stride);
        let total: f64 = batch.iter().map(|&at| f64::from(rows.weights[at as usize])).sum();
        if total <= 0.0 {
            return Ok((0.0, 0.0));
        }
        let inverse = (1.0 / total) as f32;
        let mut loss = 0.0;
        for (p, (panel, states)) in batch.chunks(ROWS).zip(states.chunks(ROWS)).enumerate() {
            look()?;
            gather::<V>(rows, panel, room);
            for (place, &state) in room.states.iter_mut().zip(states) {
                *place = f32::from_bits(state);
            }
            forward::<V>(plan, parameters, room, true);
            let outputs = plan.outputs();
            let errors = &mut room.errors[plan.layers.len() - 1][..];
            let mut labelled = [0.0f32; ROWS];
            for (lane, &at) in panel.iter().enumerate() {
                let label = rows.labels[at as usize] as usize;
                labelled[lane] = match plan.loss {
                    Loss::CrossEntropy => errors[label * ROWS + lane],
                    Loss::Binary => errors[lane] * label as f32,
                };
            }
            let (shifts, totals) = normalise::<V>(plan.loss, errors, outputs);
            let mut factors = [0.0f32; ROWS];
            for (lane, &at) in panel.iter().enumerate() {
                let (label, weight) = (rows.labels[at as usize] as usize, rows.weights[at as usize]);
                loss += f64::from(weight)
                    * (ln(f64::from(totals[lane])) + f64::from(shifts[lane]) - f64::from(labelled[lane]));
                factors[lane] = weight * inverse;
                match plan.loss {
                    Loss::CrossEntropy => errors[label * ROWS + lane] -= 1.0,
                    Loss::Binary => errors[lane] -= label as f32,
                }
            }
            for unit in errors[..outputs * ROWS].chunks_exact_mut(ROWS) {
                for (e, f) in unit.iter_mut().zip(&factors) {
                    *e *= f;
                }
            }
            backward::<V>(plan, parameters, room, panel.len(), p > 0);
        }
        Ok((loss / total, total))
    }
}

/// Outputs of rows, one after the other: as they are, or as probabilities.
pub(crate) struct Predict<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) parameters: &'a [f32],
    pub(crate) room: &'a mut Workspace,
    pub(crate) rows: &'a Rows,
    pub(crate) probabilities: bool,
    /// rows × outputs.
    pub(crate) out: &'a mut [f32],
    /// The length of what the last layer gets for each row, the 1 of its bias included; empty if nobody asks.
    pub(crate) last_inputs: &'a mut [f64],
    /// Whether to stop.
    pub(crate) look: Look<'a>,
}

impl Kernel for Predict<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Result<()> {
        let Self { plan, parameters, room, rows, probabilities, out, last_inputs, look } = self;
        assert!(parameters.len() >= plan.parameters() && rows.stride == plan.layers[0].stride);
        let (outputs, last) = (plan.outputs(), plan.layers.len() - 1);
        let mut panel = [0u32; ROWS];
        for (p, out) in out.chunks_mut(ROWS * outputs).enumerate() {
            look()?;
            let count = out.len() / outputs;
            for (lane, place) in panel.iter_mut().enumerate() {
                *place = (p * ROWS + lane) as u32;
            }
            gather::<V>(rows, &panel[..count], room);
            forward::<V>(plan, parameters, room, false);
            if !last_inputs.is_empty() {
                let mut squares = [0.0f64; ROWS];
                for unit in room.by_unit[last][..(plan.layers[last].inputs + 1) * ROWS].chunks_exact(ROWS) {
                    for (square, &value) in squares.iter_mut().zip(unit) {
                        *square += f64::from(value) * f64::from(value);
                    }
                }
                for (length, square) in last_inputs[p * ROWS..][..count].iter_mut().zip(squares) {
                    *length = square.sqrt();
                }
            }
            let values = &mut room.errors[last][..];
            if probabilities {
                normalise::<V>(plan.loss, values, outputs);
            }
            for (lane, row) in out.chunks_exact_mut(outputs).enumerate() {
                for (c, value) in row.iter_mut().enumerate() {
                    *value = values[c * ROWS + lane];
                }
            }
        }
        Ok(())
    }
}

/// The optimizer's memory: means of gradients and of their squares, or velocities.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    first: Aligned,
    second: Aligned,
    /// β₁ᵗ and β₂ᵗ after t steps.
    powers: (f64, f64),
    kind: Option<Optimizer>,
}

impl Moments {
    pub(crate) fn new(parameters: usize) -> Self {
        Self { first: Aligned::zeros(parameters), second: Aligned::zeros(parameters), powers: (1.0, 1.0), kind: None }
    }

    /// Starts afresh when the optimizer is another than that of the last step.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        if self.kind.is_some_and(|kind| kind != optimizer) {
            *self = Self::new(self.first.len());
        }
        self.kind = Some(optimizer);
    }
}

/// One step down the gradients.
pub(crate) struct Step<'a> {
    pub(crate) optimizer: Optimizer,
    pub(crate) rate: f64,
    pub(crate) decay: f64,
    pub(crate) moments: &'a mut Moments,
    pub(crate) gradients: &'a [f32],
    pub(crate) parameters: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { optimizer, rate, decay, moments, gradients, parameters } = self;
        let Moments { first, second, powers, .. } = moments;
        let count = parameters.len();
        assert!(gradients.len() == count && first.len() == count && second.len() == count);
        assert!(count.is_multiple_of(LANES));
        let zero = V::splat(0.0);
        let flushed = |value: V, least: f32| value.abs().where_above(V::splat(least), value, zero);
        match optimizer {
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                *powers = (powers.0 * beta1, powers.1 * beta2);
                let coupled = matches!(optimizer, Optimizer::Adam { .. });
                let added = V::splat(if coupled { decay as f32 } else { 0.0 });
                let shrink = V::splat(if coupled { 1.0 } else { (1.0 - rate * decay) as f32 });
                let step = V::splat((-rate / (1.0 - powers.0)) as f32);
                let root = V::splat((1.0 / (1.0 - powers.1).sqrt()) as f32);
                let (b1, b2, epsilon) = (V::splat(beta1 as f32), V::splat(beta2 as f32), V::splat(epsilon as f32));
                let (c1, c2) = (V::splat((1.0 - beta1) as f32), V::splat((1.0 - beta2) as f32));
                for at in (0..count).step_by(LANES) {
                    // SAFETY: all four are of `count` numbers, whole vectors.
                    unsafe {
                        let (m, v) = (first.as_mut_ptr().add(at), second.as_mut_ptr().add(at));
                        let w = parameters.as_mut_ptr().add(at);
                        let weight = V::load(w);
                        let g = flushed(added.fma(weight, V::load(gradients.as_ptr().add(at))), LEAST_GRADIENT);
                        let mean = flushed(b1.mul(V::load(m)).add(c1.mul(g)), LEAST_MEAN);
                        let square = flushed(b2.mul(V::load(v)).add(c2.mul(g.mul(g))), LEAST_SQUARE);
                        mean.store(m);
                        square.store(v);
                        let change = step.mul(mean).div(square.sqrt().fma(root, epsilon));
                        shrink.fma(weight, change).store(w);
                    }
                }
            }
            Optimizer::Sgd { momentum } => {
                let (momentum, added, step) =
                    (V::splat(momentum as f32), V::splat(decay as f32), V::splat(-rate as f32));
                for at in (0..count).step_by(LANES) {
                    // SAFETY: as above.
                    unsafe {
                        let (v, w) = (first.as_mut_ptr().add(at), parameters.as_mut_ptr().add(at));
                        let weight = V::load(w);
                        let g = added.fma(weight, V::load(gradients.as_ptr().add(at)));
                        let velocity = flushed(momentum.fma(V::load(v), g), LEAST_MEAN);
                        velocity.store(v);
                        step.fma(velocity, weight).store(w);
                    }
                }
            }
        }
    }
}
