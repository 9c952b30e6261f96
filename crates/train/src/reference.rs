//! The naive reference of the kernel: the same network in double precision, every sum a plain loop over one row at a time.
//! The kernel is compared with it, and it with finite differences.

use leanset_core::Look;

use crate::kernel::{Aligned, Differentiate, Moments, Plan, Predict, Rows, Step, Workspace, stride_of};
use crate::simd::{Kernel, LANES, Lanes, Level, next_state, run_at};
use crate::{Activation, Loss, Optimizer};

/// Numbers of a test: uniform in [−1, 1), the same on every run.
struct Random(u32);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = next_state(self.0);
        f64::from(self.0) / f64::from(1u32 << 31) - 1.0
    }
}

/// A network of one test, its rows and one batch.
struct Case {
    plan: Plan,
    parameters: Aligned,
    rows: Rows,
    batch: Vec<u32>,
    states: Vec<u32>,
}

impl Case {
    fn new(widths: &[usize], activation: Activation, loss: Loss, dropout: f64, batch: usize, seed: u32) -> Self {
        let mut random = Random(seed);
        let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
        let plan = Plan::new(&widths[1..widths.len() - 1], activation, dropout, loss, (inputs, outputs));
        let mut parameters = Aligned::zeros(plan.parameters());
        for layer in &plan.layers {
            let bound = (3.0 / layer.inputs as f64).sqrt();
            for unit in 0..layer.outputs {
                for input in 0..=layer.inputs {
                    parameters[layer.first + unit * layer.stride + input] = (bound * random.next()) as f32;
                }
            }
        }
        let (count, stride) = (batch + 5, stride_of(inputs));
        let mut values = Aligned::zeros(count * stride);
        for row in values.chunks_exact_mut(stride).take(count) {
            row[..inputs].iter_mut().for_each(|v| *v = random.next() as f32);
            row[inputs] = 1.0;
        }
        let classes = if loss == Loss::Binary { 2 } else { outputs };
        let mut whole = |below: usize| (((random.next() + 1.0) / 2.0) * below as f64) as u32;
        let labels = (0..count).map(|_| whole(classes)).collect();
        let batch: Vec<u32> = (0..batch).map(|_| whole(count)).collect();
        let states = batch.iter().map(|_| whole(1 << 30) + 1).collect();
        let weights = (0..count).map(|_| whole(4) as f32 / 2.0 + 0.25).collect();
        Self { plan, parameters, rows: Rows { values, stride, labels, weights }, batch, states }
    }

    /// The loss and its gradients, one row after the other.
    fn differentiate(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        let Self { plan, rows, batch, states, .. } = self;
        let total: f64 = batch.iter().map(|&at| f64::from(rows.weights[at as usize])).sum();
        let (mut loss, mut gradients) = (0.0, vec![0.0; parameters.len()]);
        for (&at, &state) in batch.iter().zip(states) {
            let row = &rows.values[at as usize * rows.stride..][..plan.layers[0].inputs];
            let (outputs, trace) = forward(plan, parameters, row, Some(state));
            let label = rows.labels[at as usize] as usize;
            let weight = f64::from(rows.weights[at as usize]) / total;
            let mut errors = match plan.loss {
                Loss::CrossEntropy => {
                    let p = softmax(&outputs);
                    loss -= weight * p[label].ln();
                    p.iter().enumerate().map(|(c, p)| weight * (p - f64::from(u8::from(c == label)))).collect()
                }
                Loss::Binary => {
                    let p = 1.0 / (1.0 + (-outputs[0]).exp());
                    loss -= weight * if label == 1 { p.ln() } else { (1.0 - p).ln() };
                    vec![weight * (p - label as f64)]
                }
            };
            for (layer, (inputs, slopes)) in plan.layers.iter().zip(&trace).rev() {
                let mut below = vec![0.0; layer.inputs];
                for (unit, error) in errors.iter().enumerate() {
                    let at = layer.first + unit * layer.stride;
                    for (i, input) in inputs.iter().enumerate() {
                        gradients[at + i] += error * input;
                        below[i] += error * parameters[at + i];
                    }
                    gradients[at + layer.inputs] += error;
                }
                errors = below.iter().zip(slopes).map(|(b, s)| b * s).collect();
            }
        }
        (loss, gradients)
    }

    fn widened(&self) -> Vec<f64> {
        self.parameters.iter().map(|&p| f64::from(p)).collect()
    }

    fn kernel(&self, level: Level) -> (f64, Aligned) {
        let mut room = Workspace::new(&self.plan);
        let found = run_at(
            level,
            Differentiate {
                plan: &self.plan,
                parameters: &self.parameters,
                room: &mut room,
                rows: &self.rows,
                batch: &self.batch,
                states: &self.states,
                look: &|| Ok(()),
            },
        );
        let found = found.expect("nobody stops it");
        (found.0, room.gradients)
    }
}

/// Outputs of one row; of each layer its inputs, and the derivatives of these by the sums below.
type Trace = Vec<(Vec<f64>, Vec<f64>)>;

/// All layers; with a state, dropout.
fn forward(plan: &Plan, parameters: &[f64], row: &[f32], mut state: Option<u32>) -> (Vec<f64>, Trace) {
    let mut values: Vec<f64> = row.iter().map(|&v| f64::from(v)).collect();
    let mut slopes = vec![0.0; values.len()];
    let mut trace = Vec::new();
    for (l, layer) in plan.layers.iter().enumerate() {
        let mut sums = Vec::new();
        for unit in 0..layer.outputs {
            let own = &parameters[layer.first + unit * layer.stride..];
            sums.push((0..layer.inputs).map(|i| own[i] * values[i]).sum::<f64>() + own[layer.inputs]);
        }
        trace.push((values, slopes));
        if l + 1 == plan.layers.len() {
            return (sums, trace);
        }
        (values, slopes) = sums
            .into_iter()
            .map(|z| {
                let (value, slope) = activate(plan.activation, z);
                let factor = match &mut state {
                    Some(state) if plan.threshold > 0 => {
                        *state = next_state(*state);
                        if (*state >> 1).cast_signed() >= plan.threshold { f64::from(plan.scale) } else { 0.0 }
                    }
                    _ => 1.0,
                };
                (value * factor, slope * factor)
            })
            .unzip();
    }
    unreachable!("the last layer returns")
}

fn activate(activation: Activation, z: f64) -> (f64, f64) {
    match activation {
        Activation::Relu => (z.max(0.0), f64::from(u8::from(z > 0.0))),
        Activation::Gelu => {
            let phi = 0.5 * (1.0 + erf(z * std::f64::consts::FRAC_1_SQRT_2));
            let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
            (z * phi, phi + z * density)
        }
    }
}

/// By its series, which is exact enough for |x| < 4.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..120 {
        if term.abs() < 1e-18 {
            break;
        }
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn softmax(outputs: &[f64]) -> Vec<f64> {
    let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = outputs.iter().map(|z| (z - largest).exp()).collect();
    let total: f64 = parts.iter().sum();
    parts.iter().map(|p| p / total).collect()
}

/// Every activation and loss, with and without dropout, widths and batches at and beside all the sizes of tiles.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for activation in [Activation::Relu, Activation::Gelu] {
        for (loss, outputs) in [(Loss::CrossEntropy, 7), (Loss::CrossEntropy, 2), (Loss::Binary, 1)] {
            for dropout in [0.0, 0.25] {
                for (hidden, batch) in [
                    (&[][..], 5),
                    (&[1], 1),
                    (&[50, 45, 40, 35, 30, 25, 20, 15, 10], 32),
                    (&[17, 32, 9], 33),
                    (&[12, 16, 15, 14, 13], 70),
                ] {
                    let widths: Vec<usize> = [16].iter().chain(hidden).chain([&outputs]).copied().collect();
                    let seed = 1 + cases.len() as u32 * 77_777;
                    cases.push(Case::new(&widths, activation, loss, dropout, batch, seed));
                }
            }
        }
    }
    cases
}

#[test]
fn reference_gradient_agrees_with_finite_differences() {
    for (c, case) in cases().iter().enumerate() {
        let parameters = case.widened();
        let (_, gradients) = case.differentiate(&parameters);
        let real = case.parameters.iter().enumerate().filter(|p| *p.1 != 0.0).map(|p| p.0);
        let real: Vec<usize> = real.collect();
        for &at in real.iter().step_by(real.len().div_ceil(12)) {
            let moved = |by: f64| {
                let mut there = parameters.clone();
                there[at] += by;
                case.differentiate(&there).0
            };
            // A kink of ReLU between the two points spoils a difference: of three widths one has none.
            let off = [1e-4, 1e-5, 1e-6].map(|h| (gradients[at] - (moved(h) - moved(-h)) / (2.0 * h)).abs());
            let least = off.into_iter().fold(f64::INFINITY, f64::min);
            assert!(least < 1e-7, "case {c}, parameter {at}: {} is off by {off:?}", gradients[at]);
        }
    }
}

#[test]
fn kernel_step_agrees_with_reference() {
    for (c, case) in cases().iter().enumerate() {
        let (loss, gradients) = case.differentiate(&case.widened());
        let largest = gradients.iter().fold(0.0f64, |a, g| a.max(g.abs()));
        let (found_loss, found) = case.kernel(Level::widest());
        assert!((loss - found_loss).abs() < 2e-6 * loss.max(1.0), "case {c}: the loss is {found_loss}, not {loss}");
        for (at, (want, got)) in gradients.iter().zip(found.iter()).enumerate() {
            let off = (want - f64::from(*got)).abs();
            assert!(off < 3e-6 * largest.max(0.1), "case {c}, parameter {at}: {got}, not {want}");
        }
        assert!(largest > 1e-4, "case {c}: gradients of {largest} compare nothing");
    }
}

#[test]
fn kernel_gives_the_same_bits_on_every_level() {
    for (c, case) in cases().iter().enumerate() {
        let (loss, gradients) = case.kernel(Level::Base);
        for level in Level::all() {
            let (other_loss, other) = case.kernel(level);
            assert_eq!(loss.to_bits(), other_loss.to_bits(), "case {c}, {level:?}");
            let same = gradients.iter().zip(other.iter()).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "case {c}: the gradients of {level:?} are others");
        }
    }
}

#[test]
fn predictions_agree_with_reference() {
    for (c, case) in cases().iter().enumerate() {
        let (plan, outputs) = (&case.plan, case.plan.outputs());
        let parameters = case.widened();
        for probabilities in [false, true] {
            let mut out = vec![0.0; case.rows.labels.len() * outputs];
            let mut lengths = vec![0.0; case.rows.labels.len()];
            let (room, rows) = (&mut Workspace::new(plan), &case.rows);
            let (out_of, last_inputs) = (&mut out[..], &mut lengths[..]);
            let parameters_of = &case.parameters;
            let look: Look<'_> = &|| Ok(());
            run_at(
                Level::widest(),
                Predict { plan, parameters: parameters_of, room, rows, probabilities, out: out_of, last_inputs, look },
            )
            .expect("nobody stops it");
            let found = out.chunks_exact(outputs).zip(&lengths);
            for (row, (found, &length)) in rows.values.chunks_exact(rows.stride).zip(found) {
                let (logits, trace) = forward(plan, &parameters, &row[..plan.layers[0].inputs], None);
                let (last, _) = trace.last().expect("a layer");
                let wanted = (1.0 + last.iter().map(|v| v * v).sum::<f64>()).sqrt();
                assert!((length - wanted).abs() < 2e-6 * wanted, "case {c}: {length}, not {wanted}");
                let wanted = match (probabilities, plan.loss) {
                    (false, _) => logits,
                    (true, Loss::CrossEntropy) => softmax(&logits),
                    (true, Loss::Binary) => vec![1.0 / (1.0 + (-logits[0]).exp())],
                };
                for (want, got) in wanted.iter().zip(found) {
                    assert!((want - f64::from(*got)).abs() < 2e-6 * want.abs().max(1.0), "case {c}: {got}, not {want}");
                }
            }
        }
    }
}

/// One step of an optimizer by its paper.
fn step(optimizer: Optimizer, (rate, decay): (f64, f64), t: i32, gradient: f64, at: &mut [f64; 3]) {
    let [weight, first, second] = at;
    match optimizer {
        Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
            let coupled = matches!(optimizer, Optimizer::Adam { .. });
            let g = if coupled { gradient + decay * *weight } else { gradient };
            *first = beta1 * *first + (1.0 - beta1) * g;
            *second = beta2 * *second + (1.0 - beta2) * g * g;
            let (mean, square) = (*first / (1.0 - beta1.powi(t)), *second / (1.0 - beta2.powi(t)));
            if !coupled {
                *weight -= rate * decay * *weight;
            }
            *weight -= rate * mean / (square.sqrt() + epsilon);
        }
        Optimizer::Sgd { momentum } => {
            *first = momentum * *first + gradient + decay * *weight;
            *weight -= rate * *first;
        }
    }
}

#[test]
fn optimizers_agree_with_their_definitions() {
    let kinds = [Optimizer::ADAM, Optimizer::ADAMW, Optimizer::Sgd { momentum: 0.0 }, Optimizer::Sgd { momentum: 0.9 }];
    for optimizer in kinds {
        for decay in [0.0, 0.02] {
            let mut random = Random(9);
            let mut parameters = Aligned::zeros(3 * LANES);
            // The last vector has no weights and no gradients: it is padding, and stays as it is.
            parameters[..2 * LANES].iter_mut().for_each(|p| *p = random.next() as f32);
            let mut wanted: Vec<[f64; 3]> = parameters.iter().map(|&p| [f64::from(p), 0.0, 0.0]).collect();
            let mut moments = Moments::new(parameters.len());
            for t in 1..=40 {
                let mut gradients = Aligned::zeros(parameters.len());
                // Of all sizes, and now and then none.
                for (at, g) in gradients[..2 * LANES].iter_mut().enumerate() {
                    *g = if (at + t as usize).is_multiple_of(5) {
                        0.0
                    } else {
                        (random.next() * 10f64.powi(-[0, 1, 2, 3, 4, 5][at % 6])) as f32
                    };
                }
                for (own, &g) in wanted.iter_mut().zip(gradients.iter()) {
                    step(optimizer, (0.01, decay), t, f64::from(g), own);
                }
                let (moments, gradients, parameters) = (&mut moments, &gradients[..], &mut parameters[..]);
                run_at(Level::widest(), Step { optimizer, rate: 0.01, decay, moments, gradients, parameters });
            }
            for (at, (own, found)) in wanted.iter().zip(parameters.iter()).enumerate() {
                let off = (own[0] - f64::from(*found)).abs();
                assert!(off < 2e-6, "{optimizer:?}, decay {decay}, parameter {at}: {found}, not {}", own[0]);
            }
            assert!(parameters[2 * LANES..].iter().all(|&p| p == 0.0), "{optimizer:?} moves what is no weight");
        }
    }
}

/// exp(−x) in lanes.
struct Exponential([f32; LANES]);

impl Kernel for Exponential {
    type Output = [f32; LANES];
    #[inline(always)]
    fn run<V: Lanes>(self) -> Self::Output {
        let mut out = [0.0; LANES];
        // SAFETY: both are of sixteen numbers.
        unsafe { V::splat(0.0).sub(V::load(self.0.as_ptr())).exp().store(out.as_mut_ptr()) };
        out
    }
}

#[test]
fn exp_is_accurate_and_same_on_every_level() {
    for i in 0..5000 {
        let own: [f32; LANES] = std::array::from_fn(|lane| (i as f32 + lane as f32 / 16.0) / 100.0);
        let found = run_at(Level::widest(), Exponential(own));
        for level in Level::all() {
            assert_eq!(run_at(level, Exponential(own)).map(f32::to_bits), found.map(f32::to_bits), "{level:?}");
        }
        for (x, found) in own.into_iter().zip(found) {
            let want = if x < 40.0 { f64::from(-x).exp() } else { 0.0 };
            assert!((f64::from(found) - want).abs() <= 4e-7 * want, "exp −{x}: {found}, not {want}");
        }
    }
}

#[test]
fn logarithm_and_exponential_of_double_precision() {
    for i in 0..2000 {
        let x = 1.0 + f64::from(i) * f64::from(i) / 100.0;
        assert!((crate::kernel::ln(x) - x.ln()).abs() < 1e-13 * x.ln().max(1.0), "ln {x}");
        let y = -f64::from(i) / 20.0;
        assert!((crate::kernel::exp(y) / y.exp() - 1.0).abs() < 1e-14, "exp {y}");
    }
}
