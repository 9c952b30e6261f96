//! The natural logarithm, of the core and not the system's, so that every machine has the same bits and several come at once.

/// ln 2 in two parts: the first has trailing zeros, so that whole multiples of it are exact.
const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// What is added to the bits of a number so that those of √½ become those of 1; and back.
const TO_ONE: u64 = 0x3FF0_0000_0000_0000 - ROOT_OF_HALF;
const ROOT_OF_HALF: u64 = 0x3FE6_A09E_0000_0000;
/// 2⁵²: a whole number below it is in the lowest bits of their sum.
const WHOLE: u64 = 0x4330_0000_0000_0000;
/// 2⁵² and the bias of an exponent.
const BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;

/// ln x to about one unit in the last place, for a normal number x > 0; no other number is to be given.
///
/// With x = 2ᵏ(1 + f) and 1 + f from √½ to √2: ln(1 + f) = f − f²/2 + s (f²/2 + R(s²)), s = f / (2 + f), by the polynomial R of
/// fdlibm (Sun Microsystems 1993).
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits().wrapping_add(TO_ONE);
    let power = f64::from_bits((bits >> 52) | WHOLE) - BIAS;
    let f = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF).wrapping_add(ROOT_OF_HALF)) - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1 + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    s * (half + (odd + even)) + power * LN2_LOW - half + f + power * LN2_HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(x: f64) -> std::result::Result<(), TestCaseError> {
        let (own, system) = (ln(x), x.ln());
        prop_assert!((own - system).abs() <= 3e-16 * system.abs(), "ln {x:e}: {own:e} and {system:e}");
        Ok(())
    }

    proptest! {
        #[test]
        fn logarithm_is_accurate(x in 1e-3f64..2.0, exponent in -1000i32..1000) {
            check(x)?;
            check(1.0 + (x - 1.0) * 2f64.powi(-exponent.abs() / 20))?;
            check(x * 2f64.powi(exponent))?;
        }
    }

    #[test]
    fn logarithm_at_its_ends() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(f64::MIN_POSITIVE), f64::MIN_POSITIVE.ln());
        assert_eq!(ln(f64::MAX), f64::MAX.ln());
    }
}
