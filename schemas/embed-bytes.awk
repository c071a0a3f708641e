# Turns the output of `od -An -v -tu1` into a C array of bytes.
BEGIN {
    print "/* Made from schemas/job.schema.json. */"
    print "#include \"cli/schema_text.h\""
    print ""
    print "const unsigned char schema_text[] = {"
}
{
    for (i = 1; i <= NF; i++)
        printf "%s,", $i
    print ""
}
END {
    print "};"
    print "const size_t schema_text_size = sizeof schema_text;"
}
