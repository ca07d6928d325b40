//! Tests of `memcpy.c`, which replaces functions of musl.

#![allow(unsafe_code)] // Functions of C.

unsafe extern "C" {
    #[cfg_attr(target_env = "musl", link_name = "memcpy")]
    fn hello_memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    #[cfg_attr(target_env = "musl", link_name = "memmove")]
    fn hello_memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    #[cfg_attr(target_env = "musl", link_name = "bcmp")]
    fn hello_bcmp(left: *const u8, right: *const u8, length: usize) -> i32;
}

/// Bytes that differ from their neighbours, and from those 256 further on.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(length).collect()
}

/// All lengths below 300, lengths around 2,048, where the copy changes to `rep movsq`, and some longer ones.
fn lengths() -> impl Iterator<Item = usize> {
    (0..300).chain(2030..2066).chain([4095, 4096, 10_001])
}

#[test]
fn copies_and_nothing_else() {
    for length in lengths() {
        for (from, to) in [(0, 0), (0, 1), (3, 0), (7, 9)] {
            let source = pattern(length + 16);
            let mut target = vec![0xaa; length + 32];
            let mut expected = target.clone();
            expected[to..to + length].copy_from_slice(&source[from..from + length]);
            let start = target[to..].as_mut_ptr();
            // SAFETY: both ranges are within their vectors.
            let returned = unsafe { hello_memcpy(start, source[from..].as_ptr(), length) };
            assert_eq!(returned, start);
            assert!(target == expected, "{length} bytes from {from} to {to}");
        }
    }
}

#[test]
fn copies_ranges_that_overlap() {
    for length in lengths() {
        for distance in [0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 128, 129, 1000] {
            for (from, to) in [(distance, 0), (0, distance)] {
                let mut bytes = pattern(length + distance);
                let mut expected = bytes.clone();
                // Byte by byte: `copy_within` would call the tested function where musl is linked.
                let at = |index: usize| if to < from { index } else { length - 1 - index };
                for index in (0..length).map(at) {
                    expected[to + index] = expected[from + index];
                }
                let start = bytes.as_mut_ptr();
                // SAFETY: both ranges are within the vector.
                unsafe { hello_memmove(start.add(to), start.add(from), length) };
                assert!(bytes == expected, "{length} bytes from {from} to {to}");
            }
        }
    }
}

#[test]
fn finds_every_byte_that_differs() {
    for length in 0..300 {
        let left = pattern(length + 1);
        let mut right = left.clone();
        // The byte after the range must not be compared.
        right[length] ^= 1;
        // SAFETY: both vectors are longer.
        let differ = |right: &[u8]| unsafe { hello_bcmp(left.as_ptr(), right.as_ptr(), length) } != 0;
        assert!(!differ(&right), "{length} bytes");
        for at in 0..length {
            right[at] ^= 0x80;
            assert!(differ(&right), "{length} bytes, of which {at} differs");
            right[at] ^= 0x80;
        }
    }
}
