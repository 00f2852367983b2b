"""How engines are driven: formats, loops, programs and devices."""
