//! `numeric` on the wire: groups of four decimal digits, to and from [`Decimal`].

use bytes::{BufMut, BytesMut};
use rust_decimal::Decimal;
use shelfmark_core::ValueError;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
const BASE: u128 = 10_000;
const DIGITS_PER_GROUP: u32 = 4;
/// `Decimal` keeps at most this many digits after the point.
const MAX_SCALE: u32 = 28;

/// Writes a decimal with the digits after its point as they are: `1.50` stays `1.50`.
pub(crate) fn encode_decimal(value: Decimal, out: &mut BytesMut) {
    let mantissa = value.mantissa();
    encode(mantissa < 0, mantissa.unsigned_abs(), value.scale(), out);
}

/// Writes an integer.
pub(crate) fn encode_integer(value: i64, out: &mut BytesMut) {
    encode(value < 0, u128::from(value.unsigned_abs()), 0, out);
}

/// Writes the shortest decimal that reads back as the same float.
pub(crate) fn encode_float(value: f64, out: &mut BytesMut) -> Result<(), ValueError> {
    let refused = || ValueError::new("the number is out of range for numeric");
    if !value.is_finite() {
        return Err(refused());
    }
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').ok_or_else(refused)?;
    let exponent: i32 = exponent.parse().map_err(|_| refused())?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut mantissa: u128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| refused())?;
    let places = i32::try_from(fraction.len()).map_err(|_| refused())? - exponent;
    let scale = match u32::try_from(places) {
        Ok(scale) => scale,
        Err(_) => {
            let zeros = 10u128.checked_pow(places.unsigned_abs());
            mantissa = zeros
                .and_then(|zeros| mantissa.checked_mul(zeros))
                .ok_or_else(refused)?;
            0
        }
    };
    encode(value.is_sign_negative(), mantissa, scale, out);
    Ok(())
}

/// Writes `mantissa / 10^scale`. The mantissa is below 10^35, so that filling its last group does not overflow.
fn encode(negative: bool, mantissa: u128, scale: u32, out: &mut BytesMut) {
    let fraction_groups = scale.div_ceil(DIGITS_PER_GROUP);
    let missing_digits = fraction_groups * DIGITS_PER_GROUP - scale;
    let mut rest = mantissa.saturating_mul(10u128.pow(missing_digits));
    let mut weight = -1 - i64::from(fraction_groups);
    // Groups from the last to the first, without zeros at the end.
    let mut groups: Vec<u16> = Vec::with_capacity(10);
    while rest > 0 {
        let group = u16::try_from(rest % BASE).unwrap_or_default();
        if group != 0 || !groups.is_empty() {
            groups.push(group);
        }
        rest /= BASE;
        weight += 1;
    }
    if groups.is_empty() {
        weight = 0;
    }
    let sign = if negative && !groups.is_empty() {
        NEGATIVE
    } else {
        0
    };
    out.put_u16(u16::try_from(groups.len()).unwrap_or_default());
    out.put_i16(i16::try_from(weight).unwrap_or_default());
    out.put_u16(sign);
    out.put_u16(u16::try_from(scale).unwrap_or_default());
    for group in groups.iter().rev() {
        out.put_u16(*group);
    }
}

/// Reads a `numeric`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decimal, ValueError> {
    let malformed = || ValueError::new("the server sent a malformed numeric");
    let out_of_range = || {
        ValueError::new(
            "the number is out of range for Decimal, which holds 28 digits; round or cast it in the SQL",
        )
    };
    let mut words = bytes.chunks_exact(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    let mut header = || words.next().ok_or_else(malformed);
    let count = header()?;
    let weight = i64::from(header()?.cast_signed());
    let sign = header()?;
    let scale = u32::from(header()?);
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        NAN => return Err(ValueError::new("NaN found, but Decimal cannot hold it")),
        INFINITY | MINUS_INFINITY => {
            return Err(ValueError::new(
                "an infinity found, but Decimal cannot hold it",
            ));
        }
        _ => return Err(malformed()),
    };
    let mut mantissa: i128 = 0;
    let mut groups = 0u16;
    for group in words {
        if group >= 10_000 {
            return Err(malformed());
        }
        mantissa = mantissa
            .checked_mul(10_000)
            .and_then(|mantissa| mantissa.checked_add(i128::from(group)))
            .ok_or_else(out_of_range)?;
        groups += 1;
    }
    if groups != count || !bytes.len().is_multiple_of(2) {
        return Err(malformed());
    }
    // The value is mantissa × 10000^exponent.
    let exponent = weight - i64::from(groups) + 1;
    let mut places = 0u32;
    if mantissa == 0 {
        return Ok(Decimal::new(0, scale.min(MAX_SCALE)));
    }
    if exponent >= 0 {
        for _ in 0..exponent {
            mantissa = mantissa.checked_mul(10_000).ok_or_else(out_of_range)?;
        }
    } else {
        places = u32::try_from(-exponent)
            .ok()
            .and_then(|groups| groups.checked_mul(DIGITS_PER_GROUP))
            .ok_or_else(out_of_range)?;
    }
    // Towards the scale the server keeps, as far as the type can hold it.
    while places > 0 && mantissa % 10 == 0 && (places > scale || places > MAX_SCALE) {
        mantissa /= 10;
        places -= 1;
    }
    while places < scale.min(MAX_SCALE) {
        match mantissa.checked_mul(10) {
            Some(wider) if fits(wider) => mantissa = wider,
            _ => break,
        }
        places += 1;
    }
    while places > 0 && mantissa % 10 == 0 && !fits(mantissa) {
        mantissa /= 10;
        places -= 1;
    }
    let signed = if negative { -mantissa } else { mantissa };
    Decimal::try_from_i128_with_scale(signed, places).map_err(|_| out_of_range())
}

/// Whether the mantissa has at most the 96 bits of a `Decimal`.
fn fits(mantissa: i128) -> bool {
    mantissa < 1 << 96
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(value: Decimal) -> Decimal {
        let mut out = BytesMut::new();
        encode_decimal(value, &mut out);
        decode(&out).unwrap()
    }

    #[test]
    fn digits_after_the_point_are_kept() {
        for text in [
            "0",
            "0.00",
            "1.50",
            "-1.50",
            "10000",
            "9999.9999",
            "0.0001",
            "0.00000000000000000000000001",
            "79228162514264337593543950335",
            "-7.9228162514264337593543950335",
            "123456789012345.1234567890123",
        ] {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(round_trip(value).to_string(), text);
        }
    }

    #[test]
    fn floats_become_their_shortest_decimal() {
        for (value, text) in [
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "0.00000015"),
            (0.0, "0"),
        ] {
            let mut out = BytesMut::new();
            encode_float(value, &mut out).unwrap();
            assert_eq!(decode(&out).unwrap().to_string(), text);
        }
        for value in [f64::INFINITY, f64::NAN, 1e300] {
            assert!(encode_float(value, &mut BytesMut::new()).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_decimal_reads_back_as_it_was(mantissa in -(1i128 << 96) + 1..1i128 << 96, scale in 0u32..=28) {
            let value = Decimal::from_i128_with_scale(mantissa, scale);
            let back = round_trip(value);
            prop_assert_eq!(back, value);
            prop_assert_eq!(back.scale(), value.scale());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_header_makes_the_decoder_panic(
            count in 0u16..6, weight in any::<i16>(), sign in prop::sample::select(vec![0u16, NEGATIVE, NAN]),
            scale in any::<u16>(), groups in proptest::collection::vec(0u16..10_000, 0..6),
        ) {
            let mut bytes = BytesMut::new();
            bytes.put_u16(count);
            bytes.put_i16(weight);
            bytes.put_u16(sign);
            bytes.put_u16(scale);
            for group in groups {
                bytes.put_u16(group);
            }
            let _ = decode(&bytes);
        }
    }
}
