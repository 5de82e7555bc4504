//! The round-trip test that every device has: serialise, deserialise, serialise, equal bytes.

/// `round_trip!(name, expr)`: `expr` builds a device in a state worth saving (registers driven, a timer armed).
macro_rules! round_trip {
    ($name:ident, $device:expr) => {
        #[test]
        fn $name() {
            fn check<T: serde::Serialize + serde::de::DeserializeOwned>(device: &T) {
                let bytes = postcard::to_stdvec(device).expect("serialise");
                let back: T = postcard::from_bytes(&bytes).expect("deserialise");
                assert_eq!(postcard::to_stdvec(&back).expect("serialise again"), bytes);
            }
            check(&$device);
        }
    };
}
