//! One body, compiled for each instruction set of the machine and chosen at run time. Detection and dispatch stand here
//! alone; the trainer uses them too.
//!
//! An instruction set is proved by a token, [`Avx2`] or [`Avx512`], that only detection makes. So a [`Level`] is one that
//! this machine has, and [`Level::run`] is safe. Only the width differs: sums run in the same order and nothing is fused
//! that is not written as fused (Rust never contracts a·b + c), so every level gives the same bits. A body is a [`Kernel`]
//! whose `run` and all it calls are `#[inline(always)]`.

use std::sync::OnceLock;

/// A body to be compiled for several instruction sets.
pub trait Kernel {
    /// What it gives.
    type Output;
    /// The body. Implementations are `#[inline(always)]`, or the wider instruction sets never reach them.
    fn run(self) -> Self::Output;
}

/// A body that may fuse products with sums where the machine can, because its result is a bound that allows for either. Where
/// `FUSED` is false, a fused product would be a call of a function.
pub(crate) trait Bounds {
    /// What it gives.
    type Output;
    /// The body. Implementations are `#[inline(always)]`.
    fn run<const FUSED: bool>(self) -> Self::Output;
}

/// One of its bodies as a [`Kernel`].
struct Fusing<B, const FUSED: bool>(B);

impl<B: Bounds, const FUSED: bool> Kernel for Fusing<B, FUSED> {
    type Output = B::Output;
    #[inline(always)]
    fn run(self) -> Self::Output {
        self.0.run::<FUSED>()
    }
}

/// Proof that this machine has AVX2 and fused products.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

/// Proof that this machine has AVX-512 (F, DQ, VL), and fused products.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// The proof, if there is one.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs the body with these instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn body<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: the token is made by detection alone, which has found both.
        unsafe { body(kernel) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// The proof, if there is one.
    pub fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    /// Runs the body with these instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
        fn body<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: the token is made by detection alone, which has found all four.
        unsafe { body(kernel) }
    }
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What the target guarantees: SSE2 on x86-64, NEON on AArch64.
    Base,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Level {
    /// Every level that this machine has, narrowest first. Tests force each.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        return [Some(Self::Base), Avx2::detect().map(Self::Avx2), Avx512::detect().map(Self::Avx512)]
            .into_iter()
            .flatten()
            .collect();
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Base]
    }

    /// The widest level that this machine has, looked for once.
    #[inline]
    pub fn widest() -> Self {
        static WIDEST: OnceLock<Level> = OnceLock::new();
        *WIDEST.get_or_init(|| Self::all().pop().unwrap_or(Self::Base))
    }

    /// Runs the body at this level.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Base => kernel.run(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(token) => token.run(kernel),
        }
    }
}

impl Level {
    /// Runs the body at this level, with fused products where it has them.
    #[inline]
    pub(crate) fn run_bounds<B: Bounds>(self, body: B) -> B::Output {
        match self {
            // Fused products are part of AArch64.
            Self::Base if cfg!(target_arch = "aarch64") => self.run(Fusing::<B, true>(body)),
            Self::Base => self.run(Fusing::<B, false>(body)),
            #[cfg(target_arch = "x86_64")]
            _ => self.run(Fusing::<B, true>(body)),
        }
    }
}

/// Runs the body at the widest level of this machine, with fused products where it has them.
#[inline]
pub(crate) fn run_bounds<B: Bounds>(body: B) -> B::Output {
    Level::widest().run_bounds(body)
}

/// Runs the body at the widest level of this machine.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    Level::widest().run(kernel)
}
