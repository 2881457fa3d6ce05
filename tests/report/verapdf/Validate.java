import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Checks files against PDF/UA-1; prints a line for each, and each rule that is broken. */
public class Validate {
  public static void main(String[] files) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    PDFAFlavour flavour = PDFAFlavour.fromString("ua1");
    for (String file : files) {
      try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(file), flavour);
          PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, 100, false, false, false)) {
        ValidationResult result = validator.validate(parser);
        System.out.println(file + " " + (result.isCompliant() ? "compliant" : "broken"));
        for (TestAssertion broken : result.getTestAssertions()) {
          System.out.println("  " + broken.getRuleId().getClause() + ": " + broken.getMessage());
        }
      }
    }
  }
}
