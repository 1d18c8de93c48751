#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flaglink_fuzz::run("comment_text", data));
