//! Base64 as keys and signatures come in it: the standard alphabet, padded or not.

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine};
use base64::{DecodeSliceError, alphabet};

/// Neither padding nor what stands in the last, incomplete byte is of any matter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `None` where it is no base64.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.trim_end_matches('=')).ok()
}

/// Into a buffer that is long enough, so that no copy is left anywhere else. Returns how many bytes it was.
pub fn decoded_into(text: &[u8], bytes: &mut [u8]) -> Result<usize, DecodeSliceError> {
    LENIENT.decode_slice(text, bytes)
}
