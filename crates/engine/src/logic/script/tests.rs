use super::*;
use proptest::prelude::*;

#[test]
fn what_conditions_are_written_with_has_the_value_of_javascript() {
    let hold = [
        "true == true",
        "1 == 1.0 && \"1\" == 1 && !(\"1\" === 1)",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 % 4 == 3 && 2 / 4 == 0.5",
        "\"a\" + 1 + 2 == \"a12\" && 1 + 2 + \"a\" == \"3a\"",
        "\"10\" < \"9\" && \"10\" > 9 && 'b' >= 'a'",
        "null == undefined && null !== undefined && !(null == 0)",
        "NaN != NaN && !(NaN < 1) && !(NaN >= 1)",
        "!0 && !\"\" && !!\"0\" && ![] == false",
        "['abc','def'].includes('abc') && [1,2].indexOf(3) == -1",
        "\"2026-01-01\".substring(0, 4) == \"2026\" && \"abc\".charAt(1) == \"b\"",
        "\"abc\".length == 3 && \"abc\"[2] === \"c\" && \"grün\".length === 4",
        "\" A \".trim().toLowerCase() === \"a\" && \"a,b\".split(\",\").length === 2",
        "\"abc\".indexOf(\"c\") > 1 && \"abcabc\".lastIndexOf(\"b\") == 4 && \"abc\".slice(-2) == \"bc\"",
        "parseInt(\"42px\") === 42 && parseFloat(\"1.5.2\") === 1.5 && isNaN(parseInt(\"x\"))",
        "Number(\" 12 \") === 12 && Number(\"\") === 0 && isNaN(Number(\"1a\")) && isNaN(Number(\"inf\"))",
        "Math.max(1, 3, 2) === 3 && Math.abs(-2) === 2 && Math.round(2.5) === 3",
        "5 & 3 == 3 || false, (5 & 3) === 1 && (5 | 2) === 7 && ~0 === -1 && -1 >>> 28 === 15",
        "true ? 1 == 1 : unknown",
        "false && unknown || true",
        "typeof unknown === \"undefined\" && typeof 1 === \"number\" && typeof [] === \"object\"",
        "var x = 3; x += 2; x == 5",
        "var i = 0; while (i < 10) { i++; } i == 10",
        "if (1 > 2) { false } else { true }",
        "1e3 === 1000 && 0x10 === 16 && .5 + .5 === 1",
        "0.1 + 0.2 !== 0.3 && String(1e21) === \"1e+21\" && String(100) == '100'",
        "// a comment\n true /* and another */",
        "\"\\u0041\\x42\" === \"AB\"",
        "true;",
    ];
    for source in hold {
        assert_eq!(is_true(source), Ok(true), "{source}");
    }
    for source in [
        "",
        "1",
        "\"true\"",
        "false == true",
        "1 == 2",
        "[true]",
        ";",
        "undefined",
    ] {
        assert_eq!(is_true(source), Ok(false), "{source}");
    }
}

#[test]
fn what_is_no_condition_is_an_error_with_its_reason() {
    let wrong = [
        ("\"\"v\"\" == \"a\"", "SyntaxError"),
        ("true true", "SyntaxError"),
        ("1 +", "SyntaxError"),
        ("(1", "SyntaxError"),
        ("\"open", "SyntaxError"),
        ("false && (1", "SyntaxError"),
        ("1 = 2", "SyntaxError"),
        ("a b", "ReferenceError"),
        ("x == 1", "ReferenceError"),
        ("java.lang.Runtime.getRuntime().exec(\"ls\")", "ReferenceError"),
        ("null.length", "TypeError"),
        ("(1).foo()", "TypeError"),
        ("function f() {}", "not in the part"),
        ("new Date()", "not in the part"),
        ("/a/.test(\"a\")", "not in the part"),
        ("x = {a: 1}", "not in the part"),
        ("[[1]]", "not in the part"),
    ];
    for (source, reason) in wrong {
        let error = is_true(source).unwrap_err().to_string();
        assert!(error.contains(reason), "{source}: {error}");
    }
}

#[test]
fn an_endless_loop_ends_and_so_does_all_that_grows() {
    for source in [
        "while (true) {}",
        "while (1);",
        "var i = 0; while (true) { i++; }",
        "var s = 'x'; while (true) { s += s; }",
        "var a = 'x'; while (true) { a = [a, a, a].join(); }",
        "var a = 'x'; while (true) { a = a.concat(a, a); a.length; }",
        "var a = 'x,'; while (true) { a = a + a; a.split(','); }",
        "while (true) { while (true) {} }",
    ] {
        assert_eq!(is_true(source), Err(ScriptError::TooManySteps), "{source}");
    }
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("!", ""),
        ("- ", ""),
        ("{", "}"),
        ("1?", ":0"),
        ("a=", ""),
    ] {
        let source = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let error = is_true(&source).unwrap_err();
        assert!(
            matches!(error, ScriptError::TooDeep | ScriptError::TooLong),
            "{error}"
        );
    }
    assert_eq!(is_true(&"1+".repeat(100_000)), Err(ScriptError::TooLong));
    let long = format!("{}1 > 0", "1+".repeat(5_000));
    assert_eq!(is_true(&long), Ok(true));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_more_than_an_error(source in "[a-z0-9\"'(){}\\[\\]+*/%=!<>&|?:;,. \\\\-]{0,60}|\\PC{0,40}") {
        let first = is_true(&source);
        prop_assert_eq!(first, is_true(&source));
    }

    #[test]
    fn sums_and_comparisons_are_those_of_numbers(one in -1000i32..1000, two in -1000i32..1000) {
        prop_assert_eq!(is_true(&format!("{one} + {two} == {}", one + two)), Ok(true));
        prop_assert_eq!(is_true(&format!("{one} < {two}")), Ok(one < two));
        prop_assert_eq!(is_true(&format!("\"{one}\" == {two}")), Ok(one == two));
    }
}
