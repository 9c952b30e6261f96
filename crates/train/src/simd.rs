//! Sixteen numbers at once, on every instruction set with the same bits.
//!
//! A [`Lanes`] is sixteen `f32`: one AVX-512 register, two of AVX2, or an array that the compiler may cut as it likes.
//! Lanes never meet but in [`Lanes::transpose`], and each operation is one that IEEE 754 defines to the bit: sum,
//! product, quotient, root, and the product and sum with one rounding. So the levels differ in time and in nothing else. (A
//! machine of before 2013, without fused products, computes them in software: the same bits, many times slower.)
//!
//! A body is a [`Kernel`] whose `run` and all it calls are `#[inline(always)]`: it is compiled once for each level. The
//! levels, and the proof that this machine has one, are those of the core ([`leanset_core::simd`]).

use std::marker::PhantomData;

use leanset_core::simd;
pub(crate) use leanset_core::simd::Level;

/// Lanes of one value.
pub(crate) const LANES: usize = 16;

/// exp(x) is taken for 0 below this: such a part of a sum of 1 is lost anyway, and products of smaller numbers are
/// denormal, which costs a hundred cycles each.
const LEAST_EXPONENT: f32 = -40.0;

/// Sixteen numbers.
pub(crate) trait Lanes: Copy {
    /// Whether there are registers for tiles of twenty sums.
    const WIDE: bool;
    fn splat(value: f32) -> Self;
    /// # Safety
    /// Sixteen numbers can be read there.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// Sixteen numbers can be written there.
    unsafe fn store(self, to: *mut f32);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// self · factor + term, rounded once.
    fn fma(self, factor: Self, term: Self) -> Self;
    /// The larger; `other` if one is not a number.
    fn max(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    /// `yes` where self > limit, else `no` (also where self is not a number).
    fn where_above(self, limit: Self, yes: Self, no: Self) -> Self;
    /// 2^k, where self = k + 1.5·2²³ for a whole k: [`Lanes::exp`] makes it.
    fn power(self) -> Self;
    /// The next state of a generator whose states are the bits (Marsaglia's xorshift32; no state may be 0).
    fn next_state(self) -> Self;
    /// `value` where the state, halved, is at least `threshold`, else 0.
    fn kept(self, threshold: i32, value: Self) -> Self;
    /// Writes sixteen rows, `step` apart, as columns: to[i·to_step + j] = from[j·step + i].
    ///
    /// # Safety
    /// Sixteen numbers can be read at each of the sixteen places, and written.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, to: *mut f32, to_step: usize) {
        for i in 0..LANES {
            for j in 0..LANES {
                // SAFETY: as promised by the caller.
                unsafe { *to.add(i * to_step + j) = *from.add(j * step + i) };
            }
        }
    }

    /// exp(x) for x ≤ 0, to about one unit in the last place; 0 below −40.
    #[inline(always)]
    fn exp(self) -> Self {
        /// 1.5·2²³: adding it rounds to a whole number, whose bits are then the lowest.
        const ROUND: f32 = 12_582_912.0;
        /// ln 2 in two parts: whole multiples of the first are exact.
        const LN2_HIGH: f32 = 0.693_359_4;
        const LN2_LOW: f32 = -2.121_944_4e-4;
        const FACTORS: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
        let x = self.max(Self::splat(2.0 * LEAST_EXPONENT));
        let shifted = x.fma(Self::splat(std::f32::consts::LOG2_E), Self::splat(ROUND));
        let whole = shifted.sub(Self::splat(ROUND));
        let rest = whole.fma(Self::splat(-LN2_LOW), whole.fma(Self::splat(-LN2_HIGH), x));
        let mut sum = Self::splat(FACTORS[0]);
        for factor in &FACTORS[1..] {
            sum = sum.fma(rest, Self::splat(*factor));
        }
        self.where_above(Self::splat(LEAST_EXPONENT), sum.mul(shifted.power()), Self::splat(0.0))
    }
}

/// What every target has.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; LANES]);

macro_rules! lanewise {
    ($a:expr, |$x:ident| $body:expr) => {{
        let mut out = $a;
        for $x in &mut out.0 {
            *$x = $body;
        }
        out
    }};
    ($a:expr, $b:expr, |$x:ident, $y:ident| $body:expr) => {{
        let mut out = $a;
        for lane in 0..LANES {
            let ($x, $y) = (out.0[lane], $b.0[lane]);
            out.0[lane] = $body;
        }
        out
    }};
}

impl Lanes for Plain {
    const WIDE: bool = false;
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as promised by the caller.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) };
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        lanewise!(self, other, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        lanewise!(self, other, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        lanewise!(self, other, |x, y| x * y)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        lanewise!(self, other, |x, y| x / y)
    }
    #[inline(always)]
    fn fma(self, factor: Self, term: Self) -> Self {
        let mut out = term;
        for lane in 0..LANES {
            out.0[lane] = self.0[lane].mul_add(factor.0[lane], term.0[lane]);
        }
        out
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        lanewise!(self, other, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        lanewise!(self, |x| x.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        lanewise!(self, |x| x.sqrt())
    }
    #[inline(always)]
    fn where_above(self, limit: Self, yes: Self, no: Self) -> Self {
        let mut out = no;
        for lane in 0..LANES {
            out.0[lane] = if self.0[lane] > limit.0[lane] { yes.0[lane] } else { no.0[lane] };
        }
        out
    }
    #[inline(always)]
    fn power(self) -> Self {
        lanewise!(self, |x| f32::from_bits((x.to_bits() << 23).wrapping_add(127 << 23)))
    }
    #[inline(always)]
    fn next_state(self) -> Self {
        lanewise!(self, |x| f32::from_bits(next_state(x.to_bits())))
    }
    #[inline(always)]
    fn kept(self, threshold: i32, value: Self) -> Self {
        lanewise!(self, value, |x, y| if (x.to_bits() >> 1).cast_signed() >= threshold { y } else { 0.0 })
    }
}

/// One step of xorshift32 (Marsaglia 2003): a permutation of the states other than 0.
#[inline(always)]
pub(crate) fn next_state(mut state: u32) -> u32 {
    state ^= state << 13;
    state ^= state >> 17;
    state ^ (state << 5)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Lanes};

    /// One register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    macro_rules! avx512 {
        ($body:expr) => {
            // SAFETY: `run_at` alone runs bodies over these lanes, and only with the token of AVX-512.
            Self(unsafe { $body })
        };
    }

    impl Lanes for Avx512 {
        const WIDE: bool = true;
        #[inline(always)]
        fn splat(value: f32) -> Self {
            avx512!(_mm512_set1_ps(value))
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            avx512!(_mm512_loadu_ps(from))
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as promised by the caller.
            unsafe { _mm512_storeu_ps(to, self.0) };
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            avx512!(_mm512_add_ps(self.0, other.0))
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            avx512!(_mm512_sub_ps(self.0, other.0))
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            avx512!(_mm512_mul_ps(self.0, other.0))
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            avx512!(_mm512_div_ps(self.0, other.0))
        }
        #[inline(always)]
        fn fma(self, factor: Self, term: Self) -> Self {
            avx512!(_mm512_fmadd_ps(self.0, factor.0, term.0))
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            avx512!(_mm512_max_ps(self.0, other.0))
        }
        #[inline(always)]
        fn abs(self) -> Self {
            avx512!(_mm512_abs_ps(self.0))
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            avx512!(_mm512_sqrt_ps(self.0))
        }
        #[inline(always)]
        fn where_above(self, limit: Self, yes: Self, no: Self) -> Self {
            avx512!(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, limit.0), no.0, yes.0))
        }
        #[inline(always)]
        fn power(self) -> Self {
            avx512!(_mm512_castsi512_ps(_mm512_add_epi32(
                _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0)),
                _mm512_set1_epi32(127 << 23)
            )))
        }
        #[inline(always)]
        fn next_state(self) -> Self {
            // SAFETY: as above.
            unsafe {
                let mut state = _mm512_castps_si512(self.0);
                state = _mm512_xor_si512(state, _mm512_slli_epi32::<13>(state));
                state = _mm512_xor_si512(state, _mm512_srli_epi32::<17>(state));
                state = _mm512_xor_si512(state, _mm512_slli_epi32::<5>(state));
                Self(_mm512_castsi512_ps(state))
            }
        }
        #[inline(always)]
        fn kept(self, threshold: i32, value: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                let half = _mm512_srli_epi32::<1>(_mm512_castps_si512(self.0));
                let kept = _mm512_cmpge_epi32_mask(half, _mm512_set1_epi32(threshold));
                Self(_mm512_maskz_mov_ps(kept, value.0))
            }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, step: usize, to: *mut f32, to_step: usize) {
            // SAFETY: as promised by the caller, and as above.
            unsafe {
                let mut rows = [_mm512_setzero_ps(); LANES];
                for j in 0..LANES {
                    rows[j] = _mm512_loadu_ps(from.add(j * step));
                }
                // Squares of two, of four (within quarters of registers), then the quarters themselves.
                let mut pairs = rows;
                for j in (0..LANES).step_by(2) {
                    pairs[j] = _mm512_unpacklo_ps(rows[j], rows[j + 1]);
                    pairs[j + 1] = _mm512_unpackhi_ps(rows[j], rows[j + 1]);
                }
                let mut fours = rows;
                for j in (0..LANES).step_by(4) {
                    for k in 0..2 {
                        let (a, b) = (_mm512_castps_pd(pairs[j + k]), _mm512_castps_pd(pairs[j + k + 2]));
                        fours[j + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                        fours[j + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                    }
                }
                for k in 0..4 {
                    let low = _mm512_shuffle_f32x4::<0x88>(fours[k], fours[4 + k]);
                    let high = _mm512_shuffle_f32x4::<0xDD>(fours[k], fours[4 + k]);
                    let low2 = _mm512_shuffle_f32x4::<0x88>(fours[8 + k], fours[12 + k]);
                    let high2 = _mm512_shuffle_f32x4::<0xDD>(fours[8 + k], fours[12 + k]);
                    _mm512_storeu_ps(to.add(k * to_step), _mm512_shuffle_f32x4::<0x88>(low, low2));
                    _mm512_storeu_ps(to.add((4 + k) * to_step), _mm512_shuffle_f32x4::<0x88>(high, high2));
                    _mm512_storeu_ps(to.add((8 + k) * to_step), _mm512_shuffle_f32x4::<0xDD>(low, low2));
                    _mm512_storeu_ps(to.add((12 + k) * to_step), _mm512_shuffle_f32x4::<0xDD>(high, high2));
                }
            }
        }
    }

    /// Two registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    /// The same of both halves of some lanes.
    macro_rules! halves {
        ($($v:ident),+ => $body:expr) => {{
            // SAFETY: `run_at` alone runs bodies over these lanes, and only with the token of AVX2 and FMA.
            let low = { $(let $v = $v.0;)+ unsafe { $body } };
            // SAFETY: as above.
            let high = { $(let $v = $v.1;)+ unsafe { $body } };
            Self(low, high)
        }};
    }

    impl Lanes for Avx2 {
        const WIDE: bool = false;
        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: as above.
            let v = unsafe { _mm256_set1_ps(value) };
            Self(v, v)
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as promised by the caller.
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as promised by the caller.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }
        #[inline(always)]
        fn add(self, y: Self) -> Self {
            let x = self;
            halves!(x, y => _mm256_add_ps(x, y))
        }
        #[inline(always)]
        fn sub(self, y: Self) -> Self {
            let x = self;
            halves!(x, y => _mm256_sub_ps(x, y))
        }
        #[inline(always)]
        fn mul(self, y: Self) -> Self {
            let x = self;
            halves!(x, y => _mm256_mul_ps(x, y))
        }
        #[inline(always)]
        fn div(self, y: Self) -> Self {
            let x = self;
            halves!(x, y => _mm256_div_ps(x, y))
        }
        #[inline(always)]
        fn fma(self, y: Self, z: Self) -> Self {
            let x = self;
            halves!(x, y, z => _mm256_fmadd_ps(x, y, z))
        }
        #[inline(always)]
        fn max(self, y: Self) -> Self {
            let x = self;
            halves!(x, y => _mm256_max_ps(x, y))
        }
        #[inline(always)]
        fn abs(self) -> Self {
            let x = self;
            halves!(x => _mm256_andnot_ps(_mm256_set1_ps(-0.0), x))
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            let x = self;
            halves!(x => _mm256_sqrt_ps(x))
        }
        #[inline(always)]
        fn where_above(self, limit: Self, yes: Self, no: Self) -> Self {
            let x = self;
            halves!(x, limit, yes, no => _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(x, limit)))
        }
        #[inline(always)]
        fn power(self) -> Self {
            let x = self;
            halves!(x => _mm256_castsi256_ps(_mm256_add_epi32(
                _mm256_slli_epi32::<23>(_mm256_castps_si256(x)),
                _mm256_set1_epi32(127 << 23)
            )))
        }
        #[inline(always)]
        fn next_state(self) -> Self {
            let x = self;
            halves!(x => {
                let mut state = _mm256_castps_si256(x);
                state = _mm256_xor_si256(state, _mm256_slli_epi32::<13>(state));
                state = _mm256_xor_si256(state, _mm256_srli_epi32::<17>(state));
                _mm256_castsi256_ps(_mm256_xor_si256(state, _mm256_slli_epi32::<5>(state)))
            })
        }
        #[inline(always)]
        fn kept(self, threshold: i32, value: Self) -> Self {
            let x = self;
            halves!(x, value => {
                let half = _mm256_srli_epi32::<1>(_mm256_castps_si256(x));
                let kept = _mm256_cmpgt_epi32(half, _mm256_set1_epi32(threshold - 1));
                _mm256_and_ps(_mm256_castsi256_ps(kept), value)
            })
        }
    }
}

/// A body over lanes, to be compiled for several instruction sets.
pub(crate) trait Kernel {
    type Output;
    /// The body. Implementations are `#[inline(always)]`, or the wider instruction sets never reach them.
    fn run<V: Lanes>(self) -> Self::Output;
}

/// A body over these lanes.
struct Over<K, V>(K, PhantomData<V>);

impl<K: Kernel, V: Lanes> simd::Kernel for Over<K, V> {
    type Output = K::Output;

    #[inline(always)]
    fn run(self) -> K::Output {
        self.0.run::<V>()
    }
}

/// Runs the body at a level, over the lanes of it. Nothing else names the lanes of an instruction set, so they exist only
/// where its token does.
#[inline]
pub(crate) fn run_at<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        Level::Base => kernel.run::<Plain>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(token) => token.run(Over::<_, x86::Avx2>(kernel, PhantomData)),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(token) => token.run(Over::<_, x86::Avx512>(kernel, PhantomData)),
    }
}
