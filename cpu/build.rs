//! Tells the engine whether the compiler turns calls in tail position into jumps (`cfg(sibling_calls)`): it does where
//! it optimises and the host's calling convention allows it. Elsewhere each op of a chain takes a frame of the stack,
//! and chains are short (`CHAIN_MAX`).

/// Hosts on which the calls of a handler become jumps: seen in `cpu/tests/stack.rs`.
const HOSTS: [&str; 4] = ["x86_64", "aarch64", "riscv64", "s390x"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(sibling_calls)");
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    if ["2", "3", "s"].contains(&&*set("OPT_LEVEL")) && HOSTS.contains(&&*set("CARGO_CFG_TARGET_ARCH")) {
        println!("cargo::rustc-cfg=sibling_calls");
    }
}
