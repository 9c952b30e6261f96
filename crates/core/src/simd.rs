//! One body, compiled for each instruction set of the machine and chosen at run time.
//!
//! Only the width differs: sums run in the same order and nothing is fused (Rust never contracts a·b + c), so every
//! level gives the same bits. A body is a [`Kernel`] whose `run` and all it calls are `#[inline(always)]`.

/// A body to be compiled for several instruction sets.
pub(crate) trait Kernel {
    type Output;
    /// The body. Implementations are `#[inline(always)]`, or the wider instruction sets never reach them.
    fn run(self) -> Self::Output;
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What the target guarantees: SSE2 on x86-64, NEON on AArch64.
    Base,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The widest level this machine has. Detection is cached by the standard library.
#[inline]
fn widest() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            return Level::Avx512;
        }
        if is_x86_feature_detected!("avx2") {
            return Level::Avx2;
        }
    }
    Level::Base
}

/// Runs the body at the widest level of this machine.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    run_at(widest(), kernel)
}

/// Runs the body at a level, or at the widest the machine has if that is narrower.
#[inline]
fn run_at<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level.min(widest()) {
        Level::Base => kernel.run(),
        // SAFETY: `widest` has found the instruction set on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(kernel) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Every level this machine has: tests force each.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    #[cfg(target_arch = "x86_64")]
    let all = [Level::Base, Level::Avx2, Level::Avx512];
    #[cfg(not(target_arch = "x86_64"))]
    let all = [Level::Base];
    all.into_iter().filter(|&l| l <= widest()).collect()
}

#[cfg(test)]
pub(crate) fn run_forced<K: Kernel>(level: Level, kernel: K) -> K::Output {
    run_at(level, kernel)
}
